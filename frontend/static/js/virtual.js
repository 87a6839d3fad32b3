// A long table of layers: the page holds its first rows, the others are fetched once, and only those in view are drawn.

import { $, make } from "./dom.js";

/** @typedef {{ key: string, search: string, keys: (number | null)[], flagged: boolean, html: string }} Row */

const SPARE = 12; // rows drawn above and below those in view

/** @type {Row[] | null} */
let all = null;
/** @type {Row[]} */
let shown = [];
/** @type {Promise<Row[]> | null} */
let loading = null;
let current = "", from = -1, to = -1, height = 34;

const tbody = () => $("#rows tbody");
const frame = () => /** @type {HTMLElement} */ ($("#rows").closest(".scroll"));

/** Whether the table is a long one. */
export const long = () => Boolean($("#rows")?.dataset.rows);

/** Every row, fetched once. @returns {Promise<Row[]>} */
export function load() {
  loading ??= fetch($("#rows").dataset.rows).then(async (answer) => {
    if (!answer.ok) throw new Error(`rows: ${answer.status}`);
    all = await answer.json();
    return /** @type {Row[]} */ (all);
  }).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Draws these rows in this order, from the top. @param {Row[]} rows */
export function show(rows) {
  shown = rows;
  height = tbody().querySelector("tr[data-key]")?.getBoundingClientRect().height || height;
  from = to = -1;
  frame().scrollTop = 0;
  draw();
}

/** @param {number} count @returns {HTMLElement} */
function gap(count) {
  const cell = make("td", { colSpan: $("#rows thead tr").children.length });
  cell.style.height = `${count * height}px`;
  cell.style.padding = "0";
  const row = make("tr", { hidden: !count }, cell);
  row.setAttribute("aria-hidden", "true");
  return row;
}

/** A row as the table has it. @param {Row} row */
function element(row) {
  const node = make("tr", { innerHTML: row.html }); // the server has escaped it
  node.dataset.key = row.key;
  node.dataset.search = row.search;
  node.dataset.keys = JSON.stringify(row.keys);
  if (row.flagged) node.dataset.flagged = "";
  return node;
}

/** Every row that the filter leaves, in its order, also those out of view. */
export const rows = () => shown.map(element);

/** The rows in view, if those are not drawn already. */
function draw() {
  const room = frame();
  const first = Math.max(0, Math.floor(room.scrollTop / height) - SPARE);
  const last = Math.min(shown.length, first + Math.ceil(room.clientHeight / height) + 2 * SPARE);
  if (first === from && last === to) return;
  [from, to] = [first, last];
  const rows = shown.slice(first, last).map((row, index) => {
    const node = element(row);
    node.setAttribute("aria-rowindex", String(first + index + 2));
    if (row.key === current) node.setAttribute("aria-current", "true");
    return node;
  });
  const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("#rows tbody tr"))?.dataset.key;
  tbody().replaceChildren(gap(first), ...rows, gap(shown.length - last));
  if (focused) rows.find((row) => row.dataset.key === focused)?.querySelector("a").focus({ preventScroll: true });
  document.dispatchEvent(new Event("arranged"));
}

/** Marks a layer's row, now and when it comes into view. @param {string} key */
export function choose(key) {
  current = key;
}

/** Brings a layer's row into view. @param {string} key */
export function reach(key) {
  const at = shown.findIndex((row) => row.key === key), room = frame();
  if (at < 0) return;
  const head = $("#rows thead").getBoundingClientRect().height, top = at * height;
  if (top < room.scrollTop || top + height + head > room.scrollTop + room.clientHeight) room.scrollTop = top - (room.clientHeight - head) / 2;
  draw();
}

/** The key that lies so many rows from the chosen one. @param {number} by @returns {string | undefined} */
export function beside(by) {
  const at = shown.findIndex((row) => row.key === current);
  return shown[Math.max(0, Math.min(shown.length - 1, at + by))]?.key;
}

/** Whether all rows are here. */
export const loaded = () => all !== null;

/** Paper has every row, and no gaps for those out of view. */
function drawAll() {
  if (loaded()) tbody().replaceChildren(...rows());
}

/** Follows the reader through the table. */
export function virtual() {
  addEventListener("beforeprint", drawAll, true); // before the table is divided for paper
  addEventListener("afterprint", () => {
    if (!loaded()) return;
    from = to = -1;
    draw();
  });
  current = $("#rows [aria-current]")?.dataset.key ?? "";
  let waiting = 0;
  frame().addEventListener("scroll", () => {
    if (!loaded()) return;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  }, { passive: true });
}
