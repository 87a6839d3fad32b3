// A report in one file: its figures are drawn out of the file's own data, a layer is chosen, a heading sorts.

import { $, $$, make } from "./dom.js";
import { fileName, save } from "./image.js";
import { plain } from "./numerals.js";
import { CONFIG, fit, resolve, template } from "./paint.js";
import { paper } from "./paper.js";

/** @typedef {{ title: string, caption: string, kind: string, whose: string, weight: string }} Picture */

/** @type {{ pictures: Picture[], drawings: any[] }} */
const data = JSON.parse($("#data").textContent);
/** @type {string[]} */
const names = JSON.parse($("#names").textContent);

const plotly = () => /** @type {any} */ (globalThis).Plotly;

/** @param {any} node */
function draw(node) {
  const { data: traces, layout } = data.drawings[Number(node.dataset.drawing)];
  plotly().react(node, resolve(traces), { template: template(), ...resolve(layout) }, CONFIG);
  fit(plotly(), node);
  if (!node.drawn) node.on("plotly_click", (/** @type {any} */ event) => pick(event.points[0]?.customdata?.[0], true));
  node.drawn = true;
  node.removeAttribute("aria-busy");
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting && !(/** @type {any} */ (entry.target).drawn)) draw(entry.target);
}, { rootMargin: "300px" });

const undrawn = () => $$("[data-drawing]").filter((node) => !node.drawn);
const watch = () => undrawn().forEach((node) => seen.observe(node));
const redraw = () => $$("[data-drawing]").filter((node) => node.drawn).forEach(draw);

/** @param {Picture} picture @param {number} place */
function figure(picture, place) {
  const plot = make("div", { className: `plot ${picture.kind}`, role: "img", ariaLabel: `${picture.title}. ${picture.caption}` });
  plot.dataset.drawing = String(place);
  const title = make("h3", { textContent: [picture.title, picture.whose].filter(Boolean).join(", ") });
  const buttons = ["png", "svg"].map((format) => {
    const button = make("button", { className: "link", textContent: format.toUpperCase(), ariaLabel: `Save as ${format.toUpperCase()}: ${picture.title}` });
    button.dataset.save = format;
    return button;
  });
  const caption = make("figcaption", { textContent: picture.caption });
  return make("figure", {}, title, plot, make("p", { className: "take xs" }, ...buttons), caption);
}

/**
 * Shows the figures of a layer, and marks its rows.
 * @param {unknown} key
 * @param {boolean} [go] whether to bring them into view
 */
function pick(key, go = false) {
  if (typeof key !== "string" || !names[Number(key)]) return;
  for (const row of $$("tr[data-key]")) row.toggleAttribute("aria-current", row.dataset.key === key);
  if (!$("#layer")) return;
  const own = data.pictures.map((picture, place) => ({ picture, place })).filter(({ picture }) => picture.weight === key);
  $("#raw").textContent = names[Number(key)];
  $("#choice").value = own.length ? key : "";
  const none = make("p", { className: "none sm", textContent: "This file does not carry the figures of this layer." });
  $("#drawings").replaceChildren(...(own.length ? own.map(({ picture, place }) => figure(picture, place)) : [none]));
  watch();
  if (go) $("#layer").scrollIntoView({ block: "nearest" });
}

/** The number that a cell shows; null where it shows none. @param {string} text */
const value = (text) => (plain(text) === "" ? null : Number(plain(text)));

/** @param {HTMLTableCellElement} head */
function sort(head) {
  const table = /** @type {HTMLTableElement} */ (head.closest("table")), at = head.cellIndex, body = table.tBodies[0];
  const down = head.getAttribute("aria-sort") !== "descending" && (at > 0 || head.hasAttribute("aria-sort"));
  const rows = [...body.rows].map((row) => ({ row, text: row.cells[at].textContent ?? "", number: value(row.cells[at].textContent ?? "") }));
  const numeric = head.classList.contains("num") && !head.hasAttribute("data-natural"), sign = down ? -1 : 1;
  rows.sort((a, b) => numeric && (a.number === null || b.number === null) ? Number(a.number === null) - Number(b.number === null)
    : sign * (numeric ? Number(a.number) - Number(b.number) : a.text.localeCompare(b.text, "en", { numeric: true })));
  $$("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows.map(({ row }) => row));
}

/** @param {HTMLElement} button */
function keep(button) {
  const node = $("[data-drawing]", /** @type {Element} */ (button.closest("figure")));
  const { title, whose, weight } = data.pictures[Number(node.dataset.drawing)];
  if (!node.drawn) draw(node);
  save(plotly(), node, button.dataset.save ?? "png", fileName($("h1").textContent, weight && names[Number(weight)], title, whose));
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest("[data-save]");
  if (button instanceof HTMLElement) keep(button);
  const head = event.target.closest("thead tr:last-child th"), link = event.target.closest("[data-pick]"), row = event.target.closest("tr[data-key]");
  if (head && event.target.closest("button")) sort(/** @type {HTMLTableCellElement} */ (head));
  if (link) event.preventDefault();
  const key = link instanceof HTMLElement ? link.dataset.pick : row instanceof HTMLElement ? row.dataset.key : undefined;
  if (key !== undefined) pick(key, Boolean(link));
});
$("#choice")?.addEventListener("change", () => pick($("#choice").value));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
paper(() => $$("[data-drawing]").forEach(draw), redraw);
document.documentElement.dataset.js = "";
watch();
if ($("#choice")) pick($("#choice").value);
