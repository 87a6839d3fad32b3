// Taking a figure along: as PNG or SVG, or as a link that opens the page where it is, in the state that it shows, with
// its axes logarithmic or linear as the reader chose.

import { answer, copy } from "./clipboard.js";
import { $, $$ } from "./dom.js";
import { drawn, switchScale } from "./figure.js";
import { fileName, save } from "./image.js";

/** The figure that a menu belongs to. @param {Element} button @returns {any} */
const figureOf = (button) => $("[data-figure]", /** @type {Element} */ (button.closest("figure")));

/** @param {any} node */
const asked = (node) => new URL(node.dataset.figure, location.href).searchParams;

/** @param {HTMLElement} button */
async function keep(button) {
  const node = figureOf(button), title = /** @type {HTMLElement} */ (button.closest("[data-title]")).dataset.title;
  try {
    const plotly = await drawn(node);
    await save(plotly, node, button.dataset.save ?? "png", fileName($("h1")?.textContent, asked(node).get("weight"), title));
  } catch {
    answer(button, "Not possible");
  }
}

/** @param {HTMLElement} button */
async function turn(button) {
  const node = figureOf(button);
  if (!await switchScale(node).catch(() => false)) return answer(button, "Not possible: no logarithm");
  const types = ["xaxis", "yaxis"].map((name) => node._fullLayout[name]?.type);
  answer(button, types.includes("log") ? "Logarithmic" : "Linear");
}

/** The address of this page with the figure in it, and the layer and column that it shows. @param {any} node */
export function address(node) {
  const url = new URL(location.href), own = asked(node), column = node.closest("#picture") && $("[data-color] select");
  for (const name of ["weight", "position"]) if (own.has(name)) url.searchParams.set(name, own.get(name) ?? "");
  if (column) url.searchParams.set("color", column.value);
  url.hash = node.id;
  return url.href;
}

/** Opens what the figure of the address is folded into, and brings it into view. */
function arrive() {
  const node = location.hash.startsWith("#figure-") ? document.getElementById(location.hash.slice(1)) : null;
  if (!node) return;
  for (const folded of $$("details")) if (folded.contains(node)) folded.open = true;
  node.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-save], [data-figure-link], [data-axes]") : null;
  if (!(button instanceof HTMLElement)) return;
  if (button.dataset.save) keep(button);
  else if (button.hasAttribute("data-axes")) turn(button);
  else copy(button, address(figureOf(button)));
});
addEventListener("hashchange", arrive);
arrive();
