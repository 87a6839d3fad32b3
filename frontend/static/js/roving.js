// One stop of the tab key for a long table: its links and boxes are reached with the arrow keys. The row that had the
// focus last keeps the stop. In a grid, [data-roving="cells"], each cell is a stop of its own, and the keys go all ways.

import { $$ } from "./dom.js";

const CONTROLS = "a[href], input, button";

/** @param {Element} table */
const isGrid = (table) => table.getAttribute("data-roving") === "cells";

/** @param {Element} table @returns {HTMLElement[]} */
const rowsOf = (table) => $$("tbody tr:not([hidden])", table).filter((row) => row.querySelector(CONTROLS));

/** What has the stop together: the controls of a row, or those of a cell. @param {Element} table @returns {HTMLElement[][]} */
const groupsOf = (table) => (isGrid(table) ? $$(CONTROLS, table).map((control) => [control]) : rowsOf(table).map((row) => $$(CONTROLS, row)));

/** @param {Element} table @param {Element | null} [current] what is to have the stop, or holds it */
function settle(table, current = null) {
  const groups = groupsOf(table);
  const holds = (/** @type {Element | null} */ node) => groups.find(([first]) => node && (node.contains(first) || first.contains(node) || first.closest("tr") === node));
  const chosen = holds(current) ?? holds(table.querySelector("[aria-current]")) ?? groups[0];
  for (const group of groups) for (const control of group) control.tabIndex = group === chosen ? 0 : -1;
}

/** The nearest cell in the direction of a key, by where cells stand. @param {Element} grid @param {Element} cell @param {string} key */
function neighbour(grid, cell, key) {
  const from = cell.getBoundingClientRect(), side = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[key];
  if (!side) return undefined;
  const level = key === "ArrowLeft" || key === "ArrowRight";
  const found = $$(CONTROLS, grid).flatMap((control) => {
    const box = control.getBoundingClientRect(), x = box.x + box.width / 2 - from.x - from.width / 2, y = box.y - from.y;
    const [ahead, aside] = level ? [x * side, Math.abs(y)] : [y * side, Math.abs(x)];
    return ahead > 1 && !(level && aside > 1) ? [{ control, ahead, aside }] : [];
  });
  found.sort((a, b) => Math.round(a.ahead - b.ahead) || a.aside - b.aside);
  return found[0]?.control ?? cell;
}

/** @param {Element} table @param {Element} control @param {string} key @returns {HTMLElement | undefined} */
function target(table, control, key) {
  if (isGrid(table)) return neighbour(table, control, key);
  const row = control.closest("tbody tr"), rows = rowsOf(table), at = rows.indexOf(/** @type {HTMLElement} */ (row)), last = rows.length - 1;
  const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[key];
  if (!row || to === undefined) return undefined;
  const controls = $$(CONTROLS, rows[to]);
  return controls[Math.min($$(CONTROLS, row).indexOf(control), controls.length - 1)];
}

/** @param {KeyboardEvent} event */
function move(event) {
  const control = event.target instanceof Element ? event.target.closest(CONTROLS) : null, table = control?.closest("[data-roving]");
  const to = control && table ? target(table, control, event.key) : undefined;
  if (!to || !table) return;
  event.preventDefault();
  settle(table, isGrid(table) ? to : to.closest("tr"));
  to.focus();
}

/** Every table marked [data-roving], now and after the page or its rows have changed. */
export function roving() {
  const all = () => $$("[data-roving]").forEach((table) => {
    const focused = document.activeElement;
    settle(table, focused && table.contains(focused) ? (isGrid(table) ? focused : focused.closest("tr")) : null);
  });
  document.addEventListener("keydown", move);
  document.addEventListener("focusin", (event) => {
    const node = /** @type {Element} */ (event.target), table = node.closest("[data-roving]"), row = node.closest("tbody tr");
    if (table && isGrid(table)) settle(table, node);
    else if (table && row) settle(table, row);
  });
  for (const change of ["refreshed", "arranged"]) document.addEventListener(change, all);
  all();
}
