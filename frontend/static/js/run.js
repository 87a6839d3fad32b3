// The report of a run: choosing a layer, colouring the grid, keys, and growing while the run goes on.

import { $, $$, remember, say, typing } from "./dom.js";
import { figures } from "./figure.js";
import { live } from "./live.js";
import { refresh } from "./morph.js";
import { table, visible } from "./table.js";

const narrow = () => innerWidth < 1000;

/** Marks a weight's row and cells as the chosen one. @param {string} weight */
function mark(weight) {
  for (const node of $$("#rows [aria-current], .cell[aria-current]")) node.removeAttribute("aria-current");
  for (const node of $$("#rows tbody tr, .cell")) {
    if ((node.dataset.key ?? node.dataset.pick) === weight) node.setAttribute("aria-current", "true");
  }
}

/**
 * Shows a layer in the panel; the address remembers it.
 * @param {string} weight
 * @param {boolean} [go] whether to bring the panel into view where it stands below the table
 */
async function pick(weight, go = false) {
  if (new URL(location.href).searchParams.get("weight") === weight) {
    if (go && narrow()) $("#panel").scrollIntoView();
    return;
  }
  remember({ weight });
  mark(weight);
  $("#panel").setAttribute("aria-busy", "true");
  if (!await refresh(["panel"], `${location.pathname}/panel${location.search}`).catch(() => false)) return;
  $("#panel").removeAttribute("aria-busy");
  if ($("#p-t")) say(`${$("#p-t").textContent}: ${$("#panel .tag")?.textContent ?? ""}`);
  if (go && narrow()) $("#panel").scrollIntoView();
}

/** Shows the column and the picture that the address asks for. */
const picture = () => refresh(["health", "picture"], `${location.pathname}/health${location.search}`);

/** @param {number} by */
function step(by) {
  const seen = visible();
  const at = seen.findIndex((row) => row.hasAttribute("aria-current"));
  const row = seen[Math.max(0, Math.min(seen.length - 1, at + by))];
  if (!row) return;
  row.scrollIntoView({ block: "nearest" });
  pick(row.dataset.key);
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const tab = event.target.closest("[data-view]");
  if (tab instanceof HTMLElement) {
    event.preventDefault();
    remember({ view: tab.dataset.view ?? "" });
    picture();
    return;
  }
  const row = event.target.closest("#rows tbody tr"), spot = event.target.closest("[data-pick]");
  const weight = row instanceof HTMLElement ? row.dataset.key : /** @type {HTMLElement | null} */ (spot)?.dataset.pick;
  if (!weight) return;
  event.preventDefault();
  pick(weight, true);
  if (spot) $$("#rows tbody tr").find((node) => node.dataset.key === weight)?.scrollIntoView({ block: "nearest" });
});
document.addEventListener("pick", (event) => pick(/** @type {CustomEvent} */ (event).detail, true));

document.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLSelectElement) || !event.target.closest("[data-color]")) return;
  remember({ color: event.target.value });
  picture();
});

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-columns]")) return;
  event.preventDefault(); // the address may have changed since the form was made
  const url = new URL(location.href);
  url.searchParams.delete("columns");
  for (const name of new FormData(form).getAll("columns")) url.searchParams.append("columns", String(name));
  location.assign(url);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && typing(event)) /** @type {HTMLElement} */ (event.target).blur();
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && $("[data-filter] input[type=search]")) {
    event.preventDefault();
    $("[data-filter] input[type=search]").focus();
  }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});

table();
figures();
live();
