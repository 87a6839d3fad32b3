// The table's sort and filter, at once and in the address. The server gives the same for the same address.

import { $, $$, remember, say } from "./dom.js";

const body = () => $("#rows tbody");
const rows = () => $$("#rows tbody tr");

/** The rows that the filter leaves. @returns {any[]} */
export const visible = () => rows().filter((row) => !row.hidden);

function filter() {
  const query = $("[data-filter] input[type=search]")?.value.trim().toLowerCase() ?? "";
  const only = $("[data-show][aria-current]")?.dataset.show ?? "";
  const all = rows();
  for (const row of all) {
    row.hidden = !(row.dataset.search.includes(query) && (!only || "flagged" in row.dataset));
  }
  const count = all.filter((row) => !row.hidden).length;
  const noun = $("[data-count]").dataset.noun ?? "";
  $("[data-count]").textContent = count === all.length ? `${count} ${noun}` : `${count} of ${all.length} ${noun}`;
  $("[data-none]").hidden = count > 0;
  return { query, only, count };
}

/** @param {string} name */
function sort(name) {
  const heads = $$("#rows thead th[data-name]");
  const at = heads.findIndex((head) => head.dataset.name === name);
  const down = heads[at].getAttribute("aria-sort") !== "descending" && (at > 0 || heads[at].hasAttribute("aria-sort"));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[at].setAttribute("aria-sort", down ? "descending" : "ascending");
  const placed = rows().map((row) => ({ row, keys: JSON.parse(row.dataset.keys) })).sort((a, b) => a.keys[0] - b.keys[0]);
  const keyed = placed.map(({ row, keys }) => ({ row, key: keys[at] })); // equal ones stay in the order of the network
  const there = keyed.filter(({ key }) => key !== null).sort((a, b) => (down ? b.key - a.key : a.key - b.key));
  const absent = keyed.filter(({ key }) => key === null);
  body().append(...[...there, ...absent].map(({ row }) => row));
  remember({ sort: (down ? "-" : "") + name });
  say(`Sorted by ${heads[at].textContent.trim()}, ${down ? "largest" : "smallest"} first`);
}

/** @param {HTMLElement} chosen */
function show(chosen) {
  $$("[data-show]").forEach((link) => link.removeAttribute("aria-current"));
  chosen.setAttribute("aria-current", "true");
  remember({ show: filter().only });
}

function clear() {
  $("[data-filter] input[type=search]").value = "";
  const all = $('[data-show=""]');
  if (all) show(all);
  filter();
  remember({ q: "" });
}

export function table() {
  document.addEventListener("input", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-filter] input[type=search]")) remember({ q: filter().query });
  });
  document.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-filter]")) {
      event.preventDefault();
      say(`${filter().count} found`);
    }
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const head = event.target.closest("[data-sort]"), part = event.target.closest("[data-show]");
    if (!head && !part && !event.target.closest("[data-clear]")) return;
    event.preventDefault();
    if (head) sort(/** @type {HTMLElement} */ (head).dataset.sort ?? "");
    else if (part) show(/** @type {HTMLElement} */ (part));
    else clear();
  });
}
