// What moves with k and ε, drawn from a figure's own numbers. frontend/figures/match.py draws the same for the run's k and ε.

/** @typedef {{ weight: string, role: string, depth: number | null, group: number[], values: number[] }} Curve */

const LIFT = 0.07; // of the mark above its bar
const TINT = "var(--bad) / 7%";

/**
 * Which directions are intruders: of the first k, those whose best match is below ε.
 * @param {number[]} best
 * @param {number} k
 * @param {number} epsilon
 */
export const intruders = (best, k, epsilon) => best.map((value, at) => at < k && value < epsilon);

/**
 * @param {number[]} best
 * @param {number} k
 * @param {number} epsilon
 */
export const count = (best, k, epsilon) => intruders(best, k, epsilon).filter(Boolean).length;

/** @param {number} at */
const tint = (at, side = 0) => ({
  type: "rect", x0: at - 0.5, x1: at + 0.5, y0: 0.5, y1: side + 0.5, yref: "y", fillcolor: TINT, line: { width: 0 },
});

/**
 * The figure of directions for another k and ε.
 * @param {any} figure
 * @param {number} wanted
 * @param {number} epsilon
 */
export function matched({ data: [heat, bars, marks], layout }, wanted, epsilon) {
  const best = /** @type {number[]} */ (layout.meta.match.best), side = best.length, k = Math.min(wanted, side);
  const bad = intruders(best, k, epsilon);
  const chosen = bad.flatMap((is, at) => (is ? [at + 1] : []));
  const [threshold, window] = layout.shapes, [word, value] = layout.annotations;
  const color = bad.map((is, at) => `var(--${is ? "bad" : at < k ? "q-4" : "line-2"})`);
  return {
    data: [heat, { ...bars, marker: { color } }, { ...marks, x: chosen, y: chosen.map((at) => best[at - 1] + LIFT) }],
    layout: {
      ...layout,
      shapes: [
        { ...threshold, y0: epsilon, y1: epsilon }, { ...window, x0: k + 0.5, x1: k + 0.5 },
        ...chosen.map((at) => tint(at, side)),
      ],
      annotations: [
        { ...word, x: k + 0.5, text: ` k = ${k}`, xanchor: k > 0.8 * side ? "right" : "left" },
        { ...value, y: epsilon, text: ` ε = ${epsilon.toFixed(2)}` },
      ],
    },
  };
}

/**
 * The sweep over ε with another k: counted anew from all best matches, where they are known.
 * @param {any} figure
 * @param {Curve[] | null} curves
 * @param {number} k
 * @param {number} epsilon
 */
export function swept({ data, layout }, curves, k, epsilon) {
  const [rule, ...shapes] = layout.shapes, [word, ...names] = layout.annotations;
  const lines = curves === null ? data : data.map((/** @type {any} */ line) => {
    const own = curves.filter(({ group }) => group.at(-1) === line.meta.member);
    const y = line.x.map((/** @type {number} */ at) => own.reduce((sum, { values }) => sum + count(values, k, at), 0));
    return { ...line, y };
  });
  const moved = rule ? { shapes: [{ ...rule, x0: epsilon, x1: epsilon }, ...shapes] } : {};
  const text = word?.text.replace(/[\d.]+$/, epsilon.toFixed(2));
  const top = 1.1 * Math.max(...lines.flatMap((/** @type {any} */ line) => line.y)) || 1;
  const ends = curves === null ? names : placed(lines, names, top);
  const yaxis = curves === null ? layout.yaxis : { ...layout.yaxis, range: [-0.02 * top, top] };
  return { data: lines, layout: { ...layout, ...moved, yaxis, annotations: rule ? [{ ...word, x: epsilon, text }, ...ends] : ends } };
}

/**
 * The lines' names at their new ends, kept apart.
 * @param {any[]} lines
 * @param {any[]} names
 * @param {number} top
 */
function placed(lines, names, top) {
  const order = lines.map((line, at) => ({ at, y: line.y.at(-1) })).sort((a, b) => a.y - b.y);
  let floor = -Infinity;
  const places = new Map();
  for (const { at, y } of order) {
    floor = Math.max(y, floor + 0.08 * top);
    places.set(at, floor);
  }
  const over = Math.max(0, floor - top);
  return names.map((name, at) => ({ ...name, y: places.get(at) - over }));
}

/**
 * What the upper panel says.
 * @param {number[]} best
 * @param {number} wanted
 * @param {number} epsilon
 * @param {string} label
 * @param {string} name of the tuned checkpoint
 */
export function sentence(best, wanted, epsilon, label, name) {
  const k = Math.min(wanted, best.length), bad = intruders(best, k, epsilon), many = bad.filter(Boolean).length;
  const strongest = `${k} strongest ${k === 1 ? "direction" : "directions"}`;
  if (!many) return `No intruder among the ${strongest} of ${label} after ${name}.`;
  const rank = bad.indexOf(true) + 1;
  return `${many} of the ${strongest} of ${label} ${many === 1 ? "is an intruder" : "are intruders"} after ${name}; the strongest ranks ${rank}.`;
}
