// How figures look: colour tokens become colours of the theme, axes and hover labels have the page's own fonts.

import { $, make } from "./dom.js";

export const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };
const TOKEN = /^var\((--[\w-]+)\)(?: \/ (\d+)%)?$/;

const probe = document.body.appendChild(make("i", { hidden: true }));

/**
 * A colour token as the rgb that Plotly understands; "--role-q" at 35 percent becomes rgba.
 * @param {string} name
 * @param {string} [percent]
 */
export function color(name, percent) {
  probe.style.color = `var(${name})`;
  const rgb = getComputedStyle(probe).color;
  return percent ? rgb.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*$/, `rgba($1,$2,$3,${Number(percent) / 100})`) : rgb;
}

/**
 * The same JSON with every colour token resolved.
 * @param {any} value
 * @returns {any}
 */
export function resolve(value) {
  if (typeof value === "string") {
    const token = TOKEN.exec(value);
    return token ? color(token[1], token[2]) : value;
  }
  if (Array.isArray(value)) return typeof value[0] === "number" && typeof value[1] !== "string" ? value : value.map(resolve);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolve(inner)]));
  }
  return value;
}

/** What every figure has where it says nothing else. */
export function template() {
  const axis = {
    gridcolor: color("--line"), linecolor: color("--line-2"), tickcolor: color("--line-2"), zeroline: false,
    showline: true, ticks: "outside", ticklen: 4, automargin: true, fixedrange: true,
    tickfont: { color: color("--ink-3"), size: 11 },
    title: { font: { color: color("--ink-2"), size: 12 }, standoff: 8 },
  };
  return { layout: {
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("--ink-2") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 52, r: 12, t: 10, b: 40 },
    showlegend: false, hovermode: "closest", dragmode: false, xaxis: axis, yaxis: axis,
    hoverlabel: {
      bgcolor: color("--surface"), bordercolor: color("--line-2"), align: "left",
      font: { color: color("--ink"), size: 12 },
    },
  } };
}

/** Gives a drawn figure the width that it has room for: Plotly itself looks at the window's changes only. @param {any} plotly @param {any} node */
export function fit(plotly, node) {
  const width = $(".main-svg", node)?.clientWidth ?? node.clientWidth; // both are rounded
  if (Math.abs(width - node.clientWidth) > 1) plotly.relayout(node, { autosize: true });
}
