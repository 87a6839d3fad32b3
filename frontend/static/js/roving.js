// One stop of the tab key for a long table: its links and boxes are reached with the arrow keys. The row that had the
// focus last keeps the stop.

import { $$ } from "./dom.js";

const CONTROLS = "a[href], input, button";

/** @param {Element} table @returns {HTMLElement[]} */
const rowsOf = (table) => $$("tbody tr:not([hidden])", table).filter((row) => row.querySelector(CONTROLS));

/** @param {Element} table @param {Element} [current] the row that is to have the stop */
function settle(table, current) {
  const rows = rowsOf(table);
  const chosen = current && rows.includes(/** @type {HTMLElement} */ (current)) ? current : rows[0];
  for (const row of rows) for (const control of $$(CONTROLS, row)) control.tabIndex = row === chosen ? 0 : -1;
}

/** @param {KeyboardEvent} event */
function move(event) {
  const control = event.target instanceof Element ? event.target.closest(CONTROLS) : null;
  const table = control?.closest("[data-roving]"), row = control?.closest("tbody tr");
  if (!control || !table || !row) return;
  const rows = rowsOf(table), at = rows.indexOf(/** @type {HTMLElement} */ (row));
  const last = rows.length - 1;
  const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const place = $$(CONTROLS, row).indexOf(control), controls = $$(CONTROLS, rows[to]);
  settle(table, rows[to]);
  controls[Math.min(place, controls.length - 1)].focus();
}

/** Every table marked [data-roving], now and after the page was brought up to date. */
export function roving() {
  const all = () => $$("[data-roving]").forEach((table) => settle(table, document.activeElement?.closest("tr") ?? undefined));
  document.addEventListener("keydown", move);
  document.addEventListener("focusin", (event) => {
    const target = /** @type {Element} */ (event.target), table = target.closest("[data-roving]"), row = target.closest("tbody tr");
    if (table && row) settle(table, row);
  });
  document.addEventListener("refreshed", all);
  all();
}
