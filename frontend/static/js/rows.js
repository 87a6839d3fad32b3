// Choosing a weight in any report: its row and cells are marked, j and k go through the rows, columns can be chosen.

import { $, $$, typing } from "./dom.js";
import { visible } from "./table.js";
import * as virtual from "./virtual.js";

export const narrow = () => innerWidth < 1000;

/**
 * Marks a weight's row and cells as the chosen one; of a comparison, the cells of one tuned checkpoint.
 * @param {string} weight
 * @param {string} [position]
 */
export function mark(weight, position) {
  virtual.choose(weight);
  for (const node of $$("#rows [aria-current], .cell[aria-current]")) node.removeAttribute("aria-current");
  for (const node of $$("#rows tbody tr, .cell")) {
    const here = !position || !node.dataset.position || node.dataset.position === position;
    if (here && (node.dataset.key ?? node.dataset.pick) === weight) node.setAttribute("aria-current", "true");
  }
}

/** Brings a weight's row into view. @param {string} weight */
export function reveal(weight) {
  if (virtual.loaded()) return virtual.reach(weight);
  $$("#rows tbody tr").find((row) => row.dataset.key === weight)?.scrollIntoView({ block: "nearest" });
}

/**
 * @param {number} by
 * @param {(weight: string) => void} pick
 */
function step(by, pick) {
  if (virtual.loaded()) {
    const key = virtual.beside(by);
    if (key === undefined) return;
    virtual.reach(key);
    return pick(key);
  }
  const seen = visible();
  const at = seen.findIndex((row) => row.hasAttribute("aria-current"));
  const row = seen[Math.max(0, Math.min(seen.length - 1, at + by))];
  if (!row) return;
  row.scrollIntoView({ block: "nearest" });
  pick(row.dataset.key);
}

/**
 * Keys, and the form of columns.
 * @param {(weight: string) => void} pick
 */
export function rows(pick) {
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
    if (event.key === "j") step(1, pick);
    if (event.key === "k") step(-1, pick);
  });
}
