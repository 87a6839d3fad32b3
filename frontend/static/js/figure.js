// Figures: fetched as Plotly JSON when they come into view, drawn in the page's own fonts and colours.

import { isSwitched, rememberSwitch, switchAxes } from "./axes.js";
import { $, $$, make } from "./dom.js";
import { CONFIG, fit, resolve, template } from "./paint.js";
import { paper } from "./paper.js";

const FAINT = 0.2; // opacity of lines that are not pointed at

/** @type {Map<string, Promise<any>>} */
const fetched = new Map();
/** @type {Map<string, any>} what has arrived */
const ready = new Map();
/** @type {Map<string, (figure: any) => any>} */
const adjusted = new Map();
/** @type {Promise<any> | null} */
let library = null;

/**
 * Lets a page change the figures of one kind before they are drawn.
 * @param {string} kind
 * @param {(figure: any) => any} change gets what was fetched, gives what is drawn
 */
export function adjust(kind, change) {
  adjusted.set(kind, change);
}

/** @returns {any} Plotly, once its file is loaded */
const loadedPlotly = () => /** @type {any} */ (globalThis).Plotly;

/** Plotly's own file, loaded when the first figure needs it. */
function plotly() {
  library ??= new Promise((loaded, failed) => {
    const script = make("script", { src: $('meta[name="plotly"]').content, onload: () => loaded(loadedPlotly()) });
    script.onerror = () => failed(new Error("Plotly could not be loaded"));
    document.head.append(script);
  });
  return library;
}

/** @param {string} address */
function figure(address) {
  if (!fetched.has(address)) {
    fetched.set(address, fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(`figure: ${answer.status}`);
      return answer.json();
    }).then((found) => {
      ready.set(address, found);
      return found;
    }));
  }
  return /** @type {Promise<any>} */ (fetched.get(address));
}

/** @param {any} node */
async function draw(node) {
  const address = node.dataset.figure;
  node.drawn = address;
  try {
    const [Plotly, found] = await Promise.all([plotly(), figure(address)]);
    if (node.dataset.figure !== address) return; // another layer was chosen meanwhile
    await render(Plotly, node, found);
  } catch (error) {
    fetched.delete(address);
    tell(node, "The figure could not be loaded.");
    throw error;
  }
}

/**
 * Draws what has arrived; all but the answers to a reader's hand is there when this returns.
 * @param {any} Plotly
 * @param {any} node
 * @param {any} found
 */
async function render(Plotly, node, found) {
  const change = [...adjusted.keys()].find((kind) => node.classList.contains(kind));
  const usual = change && found.data.length ? adjusted.get(change)?.(found) : found;
  const { data, layout } = isSwitched(node) ? switchAxes(usual) ?? usual : usual;
  if (!data.length) return tell(node, layout.meta?.note ?? "Nothing to draw.");
  if (!node.querySelector(".plot-container")) node.replaceChildren();
  const drawing = Plotly.react(node, resolve(data), { template: template(), ...resolve(layout) }, CONFIG);
  fit(Plotly, node);
  describe(node, layout.meta?.words);
  node.removeAttribute("aria-busy");
  await drawing;
  node.removeAllListeners?.("plotly_click");
  node.on("plotly_click", (/** @type {any} */ event) => picked(node, event.points[0]?.customdata));
  linked(node);
}

/** Plotly, once this figure is drawn. @param {any} node */
export async function drawn(node) {
  if (node.drawn !== node.dataset.figure || node.hasAttribute("aria-busy")) await draw(node);
  return loadedPlotly();
}

/**
 * Switches the axes of a figure between logarithmic and linear; false where its values have no logarithm.
 * @param {any} node
 */
export async function switchScale(node) {
  await drawn(node);
  if (!isSwitched(node) && !switchAxes(node)) return false;
  rememberSwitch(node);
  await draw(node);
  return true;
}

/**
 * A figure's own sentence joins its title and caption, for those who do not see it.
 * @param {any} node
 * @param {string | undefined} words
 */
function describe(node, words) {
  const label = node.getAttribute("aria-label");
  if (label !== node.described) node.label = label; // the page has named it anew
  node.described = words ? `${node.label} ${words}` : node.label;
  node.setAttribute("aria-label", node.described);
}

/** Tells the page which member a reader points at, where the figure's lines belong to members. @param {any} node */
function linked(node) {
  if (!node.data.some((/** @type {any} */ trace) => trace.meta?.member !== undefined)) return;
  const point = (/** @type {any} */ member) => node.dispatchEvent(new CustomEvent("lit", { bubbles: true, detail: member }));
  node.removeAllListeners("plotly_hover");
  node.removeAllListeners("plotly_unhover");
  node.on("plotly_hover", (/** @type {any} */ event) => point(event.points[0]?.data.meta?.member));
  node.on("plotly_unhover", () => point(""));
}

/** Lets one member's lines stand out in every figure that has them; "" ends it. @param {string} member */
export function spotlight(member) {
  for (const node of $$("[data-figure]")) {
    const traces = node.drawn && node.data ? node.data : [];
    const of = traces.map((/** @type {any} */ trace) => trace.meta?.member);
    if (!of.some((/** @type {any} */ one) => one !== undefined)) continue;
    const opacity = of.map((/** @type {any} */ one) => (member === "" || one === undefined || String(one) === member ? 1 : FAINT));
    loadedPlotly().restyle(node, { opacity });
  }
}

/** Draws the figures of a kind anew, from what was fetched before. @param {string} kind */
export function redraw(kind) {
  for (const node of $$(`.plot.${kind}`)) if (node.drawn) draw(node);
}

/**
 * @param {any} node
 * @param {any} custom
 */
function picked(node, custom) {
  const weight = Array.isArray(custom) ? custom[0] : null;
  if (typeof weight === "string") node.dispatchEvent(new CustomEvent("pick", { bubbles: true, detail: weight }));
}

/**
 * @param {any} node
 * @param {string} text
 */
function tell(node, text) {
  if (loadedPlotly() && node.querySelector(".plot-container")) loadedPlotly().purge(node);
  node.replaceChildren(make("p", { className: "none sm", textContent: text }));
  node.removeAttribute("aria-busy");
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const node = /** @type {any} */ (entry.target);
    if (entry.isIntersecting && node.drawn !== node.dataset.figure) draw(node);
  }
}, { rootMargin: "300px" });

/** Fetches what no reader has seen yet, one after the other: paper shows it, and printing waits for nothing. */
async function ahead() {
  if ($("[data-live]")) return; // they grow
  for (const node of shown()) await figure(node.dataset.figure).then(plotly).catch(() => undefined);
}

/** The figures that are not folded away. @returns {any[]} */
const shown = () => $$("[data-figure]").filter((node) => node.offsetParent);

function drawAll() {
  for (const node of shown()) {
    const found = ready.get(node.dataset.figure);
    if (!found || !loadedPlotly()) continue;
    node.drawn = node.dataset.figure;
    render(loadedPlotly(), node, found);
  }
}

/** Watches every figure of the page; those whose address changed are drawn anew. */
export function figures() {
  requestIdleCallback(ahead);
  for (const node of $$("[data-figure]")) {
    seen.unobserve(node);
    seen.observe(node);
  }
}

/** Fetches the figures of the whole table again: the table has grown. */
export function stale() {
  for (const node of $$("[data-figure]")) {
    if (new URL(node.dataset.figure, location.href).searchParams.has("weight")) continue;
    fetched.delete(node.dataset.figure);
    node.drawn = null;
  }
  figures();
}

const again = () => $$("[data-figure]").filter((node) => node.drawn).forEach(draw);

paper(drawAll, again);
document.addEventListener("themechange", again);
document.addEventListener("refreshed", figures);
