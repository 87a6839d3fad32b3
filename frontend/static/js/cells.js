// The table of layers as text, as the reader has sorted and filtered it.

import { copy } from "./clipboard.js";
import { $, $$ } from "./dom.js";
import { plain } from "./numerals.js";
import { visible } from "./table.js";
import * as virtual from "./virtual.js";

/** @param {Element} cell */
const text = (cell) => (cell.textContent ?? "").replace(/\s+/g, " ").trim();

/** Each column's heading; where two rows of headings stand above each other, both. @param {HTMLTableElement} table */
function headings(table) {
  const rows = $$("thead tr", table).map((row) => [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(text(cell))));
  return rows[rows.length - 1].map((/** @type {string} */ _, /** @type {number} */ at) => rows.map((row) => row[at]).filter(Boolean).join(", "));
}

/** The cells of each row; a note across several leaves the others empty. @returns {HTMLTableCellElement[][]} */
const rows = () => (virtual.loaded() ? virtual.rows() : visible()).map((row) =>
  [...row.cells].flatMap((cell) => [cell, ...Array(cell.colSpan - 1).fill(document.createElement("td"))]));

/** A text that a spreadsheet would compute gets an apostrophe, as in the CSV. @param {string} value */
const harmless = (value) => (/^[=+\-@＝＋－＠]/.test(value) ? `'${value}` : value);

/** A number in the digits that programs read, a text as it is. @param {HTMLTableCellElement} cell */
function value(cell) {
  const found = text(cell);
  if (found === "–") return "";
  return (cell.classList.contains("num") && plain(found)) || harmless(found);
}

/** Separated by tabs, as a spreadsheet takes them. @param {HTMLTableElement} table */
const separated = (table) => [headings(table).map(harmless), ...rows().map((cells) => cells.map(value))].map((line) => line.join("\t")).join("\n");

/** @param {string} found */
const escaped = (found) => found.replace(/[\\`*_[\]<>|~&$]/g, "\\$&");

/** @param {HTMLTableElement} table */
function markdown(table) {
  const heads = headings(table), first = [...$$("tbody tr", table)].find((row) => row.cells.length === heads.length);
  const rule = heads.map((/** @type {string} */ _, /** @type {number} */ at) => (first?.cells[at].classList.contains("num") ? "---:" : "---"));
  const lines = [heads.map(escaped), rule, ...rows().map((cells) => cells.map((cell) => escaped(text(cell))))];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** Copies the table where a reader asks for it. */
export function copyTable() {
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy-table]") : null;
    if (!(button instanceof HTMLElement)) return;
    if (virtual.long()) await virtual.load();
    const table = $("#rows");
    copy(button, button.dataset.copyTable === "markdown" ? markdown(table) : separated(table), undefined, "No clipboard here: use the CSV");
  });
}
