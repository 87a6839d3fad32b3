// The axes of a figure switched by the reader: logarithmic ones become linear, and a linear vertical one logarithmic.
// The address holds which figures are switched, so that a link to the page shows them alike.

import { remember } from "./dom.js";

const NAME = "axes"; // of the address' parameter: the ids of the switched figures
const MOST = 7; // labels of a logarithmic axis, beyond which those between the powers of ten are left out
const PAD = 0.04; // of an axis' length, on each side of its values
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** The ids in the address. */
const ids = () => (new URL(location.href).searchParams.get(NAME) ?? "").split(",").filter(Boolean);

/** Whether the reader has switched the axes of this figure. @param {Element} node */
export const isSwitched = (node) => ids().includes(node.id);

/** Has the address say that they are switched, or no more. @param {Element} node */
export function rememberSwitch(node) {
  const others = ids().filter((id) => id !== node.id && document.getElementById(id));
  remember({ [NAME]: (isSwitched(node) ? others : [...others, node.id]).join(",") });
}

/** A form that asks for this page anew asks for its switched axes too. */
document.addEventListener("formdata", ({ target, formData }) => {
  const form = /** @type {HTMLFormElement} */ (target);
  const here = new URL(form.getAttribute("action") ?? "", location.href).pathname === location.pathname;
  if (form.method === "get" && here && ids().length) formData.set(NAME, ids().join(","));
});

/**
 * The same figure with its axes switched; null where that is not possible, as for values of 0 and below.
 * @param {any} figure as Plotly takes it: not changed
 */
export function switchAxes(figure) {
  const logarithmic = Object.keys(figure.layout).filter((name) => /^[xy]axis\d*$/.test(name) && figure.layout[name].type === "log");
  const names = logarithmic.length ? logarithmic : ["yaxis"];
  /** @type {any} */
  let found = figure;
  for (const name of names) found = found && switchAxis(found, name, !logarithmic.length);
  return found;
}

/**
 * @param {any} figure
 * @param {string} name of the axis
 * @param {boolean} toLog
 */
function switchAxis({ data, layout }, name, toLog) {
  const letter = name[0], id = name.replace("axis", "");
  const values = data.filter((/** @type {any} */ trace) => (trace[`${letter}axis`] ?? letter) === id)
    .flatMap((/** @type {any} */ trace) => trace[letter] ?? []).filter((/** @type {any} */ value) => value !== null);
  if (!values.length || data.some((/** @type {any} */ trace) => trace.type === "heatmap") || values.some((/** @type {any} */ value) => typeof value !== "number" || (toLog && value <= 0))) return null;
  const scaled = values.map(toLog ? Math.log10 : Number), low = smallest(scaled), high = largest(scaled);
  const pad = PAD * (high - low || 1), range = [low - pad, high + pad];
  const { tickvals: _, ticktext: __, tickmode: ___, dtick: ____, ...axis } = layout[name] ?? {};
  const ticks = toLog ? labels(range[0], range[1]) : {};
  const own = (/** @type {any} */ note) => (note[`${letter}ref`] ?? letter) === id;
  const place = (/** @type {number} */ value) => (toLog ? Math.log10(value) : 10 ** value); // annotations have logarithms
  const annotations = (layout.annotations ?? []).filter((/** @type {any} */ note) => !own(note) || !toLog || note[letter] > 0)
    .map((/** @type {any} */ note) => (own(note) ? { ...note, [letter]: place(note[letter]) } : note));
  const shapes = (layout.shapes ?? []).map((/** @type {any} */ shape) => (own(shape) && toLog ? above(shape, letter, 10 ** range[0]) : shape));
  return { data, layout: { ...layout, annotations, shapes, [name]: { ...axis, ...ticks, type: toLog ? "log" : "linear", range } } };
}

/** A shape with no end below the picture, where a logarithm may not exist. @param {any} shape @param {string} letter @param {number} floor */
const above = (shape, letter, floor) =>
  ({ ...shape, [`${letter}0`]: Math.max(floor, shape[`${letter}0`]), [`${letter}1`]: Math.max(floor, shape[`${letter}1`]) });

/** @param {number[]} values */
const smallest = (values) => values.reduce((a, b) => Math.min(a, b));
/** @param {number[]} values */
const largest = (values) => values.reduce((a, b) => Math.max(a, b));

/** The labels from one logarithm to another, written here: Plotly raises exponents by styles, which pages forbid. @param {number} low @param {number} high */
function labels(low, high) {
  const steps = Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, at) => Math.floor(low) + at);
  const within = (/** @type {number[]} */ digits) => steps.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)))
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  const finest = [[1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].map(within);
  const powers = finest[finest.length - 1], every = Math.ceil(powers.length / MOST);
  const tickvals = finest.find((values) => values.length <= MOST) ?? powers.filter((_, at) => at % every === 0);
  return { tickmode: "array", tickvals, ticktext: tickvals.map(write) };
}

/** @param {number} value */
function write(value) {
  const power = Math.floor(Math.log10(value) + 1e-9);
  if (power >= -3 && power <= 4) return String(value);
  const digits = [...String(Math.abs(power))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  const front = Number((value / 10 ** power).toPrecision(2));
  return `${front === 1 ? "" : `${front} × `}10${power < 0 ? "⁻" : ""}${digits}`;
}
