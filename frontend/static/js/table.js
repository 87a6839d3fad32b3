// The table's sort and filter, at once and in the address. The server gives the same for the same address.

import { $, $$, remember, say } from "./dom.js";
import * as virtual from "./virtual.js";

const body = () => $("#rows tbody");
const rows = () => $$("#rows tbody tr");

/** The rows that the filter leaves. @returns {any[]} */
export const visible = () => rows().filter((row) => !row.hidden);

/** What the filter asks for. */
function asked() {
  const query = $("[data-filter] input[type=search]")?.value.trim().toLowerCase() ?? "";
  return { query, only: $("[data-show][aria-current]")?.dataset.show ?? "" };
}

/** @param {number} count @param {number} all */
function tell(count, all) {
  const noun = $("[data-count]").dataset.noun ?? "";
  $("[data-count]").textContent = count === all ? `${all} ${noun}` : `${count} of ${all} ${noun}`;
  $("[data-none]").hidden = count > 0;
}

function filter() {
  const { query, only } = asked();
  if (virtual.long()) {
    rearrange();
    return { query, only, count: -1 };
  }
  const all = rows();
  for (const row of all) {
    row.hidden = !(row.dataset.search.includes(query) && (!only || "flagged" in row.dataset));
  }
  const count = all.filter((row) => !row.hidden).length;
  tell(count, all.length);
  document.dispatchEvent(new Event("arranged"));
  return { query, only, count };
}

/**
 * In the order of one column; equal ones stay in the order of the network, and those without a value come last.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => (number | null)[]} keysOf
 * @param {number} at
 * @param {boolean} down
 * @returns {T[]}
 */
function ordered(items, keysOf, at, down) {
  const placed = items.map((item) => ({ item, keys: keysOf(item) })).sort((a, b) => (a.keys[0] ?? 0) - (b.keys[0] ?? 0));
  const there = placed.filter(({ keys }) => keys[at] !== null);
  there.sort(({ keys: a }, { keys: b }) => (down ? Number(b[at]) - Number(a[at]) : Number(a[at]) - Number(b[at])));
  return [...there, ...placed.filter(({ keys }) => keys[at] === null)].map(({ item }) => item);
}

/** Of a long table: the rows that the filter leaves, in the order of the heading that sorts. */
async function arrange() {
  const all = await virtual.load();
  const { query, only } = asked(), heads = $$("#rows thead th[data-name]");
  const at = heads.findIndex((head) => head.hasAttribute("aria-sort"));
  const left = all.filter((row) => row.search.includes(query) && (!only || row.flagged));
  virtual.show(at < 0 ? left : ordered(left, (row) => row.keys, at, heads[at].getAttribute("aria-sort") === "descending"));
  tell(left.length, all.length);
}

/** The same, and what is said where the rows cannot be had. */
const rearrange = () => arrange().catch(() => say("The layers could not be loaded."));

/** @param {string} name */
function sort(name) {
  const heads = $$("#rows thead th[data-name]");
  const at = heads.findIndex((head) => head.dataset.name === name);
  const down = heads[at].getAttribute("aria-sort") !== "descending" && (at > 0 || heads[at].hasAttribute("aria-sort"));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[at].setAttribute("aria-sort", down ? "descending" : "ascending");
  if (virtual.long()) rearrange();
  else body().append(...ordered(rows(), (row) => JSON.parse(row.dataset.keys), at, down));
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
  if (virtual.long()) {
    virtual.virtual();
    requestIdleCallback(rearrange); // once the page can be used
  }
  document.addEventListener("input", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-filter] input[type=search]")) remember({ q: filter().query });
  });
  document.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-filter]")) {
      event.preventDefault();
      filter();
      say($("[data-count]").textContent);
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
