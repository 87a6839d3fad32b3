// Tables wider than paper: divided into several below each other, each with the names and as many columns as fit.

import { $$ } from "./dom.js";

const STEP = 8; // pixels by which parts of the same width are tried

/** @typedef {{ columns: number[], width: number }} Piece columns that stay together */

/**
 * The columns of each part, without the names, which all of them have.
 * @param {Piece[]} pieces
 * @param {number} room beside the names
 */
export function parts(pieces, room) {
  /** @type {number[][]} */
  const found = [];
  let left = 0;
  for (const { columns, width } of pieces) {
    if (width > left || !found.length) {
      found.push([]);
      left = room;
    }
    found[found.length - 1].push(...columns);
    left -= width;
  }
  return found;
}

/**
 * The same number of parts with about the same width each.
 * @param {Piece[]} pieces
 * @param {number} room
 */
function even(pieces, room) {
  const count = parts(pieces, room).length, total = pieces.reduce((sum, { width }) => sum + width, 0);
  let least = total / count;
  while (least < room && parts(pieces, least).length > count) least += STEP;
  return parts(pieces, Math.min(least, room));
}

/** A table's columns by their headings: those of names, and the others; a difference stays with the value before. @param {HTMLTableRowElement} titles */
function pieces(titles) {
  const names = /** @type {Piece} */ ({ columns: [], width: 0 });
  /** @type {Piece[]} */
  const others = [];
  [...titles.cells].forEach((cell, column) => {
    if (column && !("each" in cell.dataset) && !("withLast" in cell.dataset)) others.push({ columns: [], width: 0 });
    const piece = column && !("each" in cell.dataset) ? others[others.length - 1] : names;
    piece.columns.push(column);
    piece.width += cell.offsetWidth;
  });
  return { names, others };
}

/**
 * A copy of the table with some of its columns; a cell over several of them gets narrower, or goes.
 * @param {HTMLTableElement} table
 * @param {number[]} columns
 */
function part(table, columns) {
  const kept = new Set(columns), copy = /** @type {HTMLTableElement} */ (table.cloneNode(true));
  copy.dataset.part = "";
  for (const node of [copy, ...$$("[id]", copy)]) node.removeAttribute("id");
  for (const row of copy.rows) {
    let at = 0;
    for (const cell of [...row.cells]) {
      const span = Array.from({ length: cell.colSpan }, () => at++).filter((column) => kept.has(column)).length;
      if (span) cell.colSpan = span;
      else cell.remove();
    }
  }
  return copy;
}

/** Divides every table that is wider than its place. */
export function divide() {
  for (const table of /** @type {HTMLTableElement[]} */ ($$(".scroll > table"))) {
    const room = /** @type {HTMLElement} */ (table.parentElement).clientWidth, titles = table.tHead?.rows[table.tHead.rows.length - 1];
    if (!titles || !room || table.offsetWidth <= room + 1 || table.querySelector("[rowspan]")) continue;
    const { names, others } = pieces(titles), found = even(others, room - names.width);
    if (found.length > 1) table.after(...found.map((columns) => part(table, [...names.columns, ...columns])));
    table.hidden = found.length > 1;
  }
}

/** Puts the tables together again. */
export function unite() {
  for (const copy of $$("table[data-part]")) {
    const before = copy.previousElementSibling;
    if (before && !("part" in before.dataset)) before.hidden = false;
    copy.remove();
  }
}
