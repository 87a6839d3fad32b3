// A figure as a file: the picture of what is seen, on the ground of its card.

import { color } from "./paint.js";

const LONGEST = 100; // characters of a file's name

/**
 * Letters, digits and dots of the parts, with "-" for all else.
 * @param {...(string | null | undefined)} parts
 */
export const fileName = (...parts) =>
  parts.filter(Boolean).join("-").replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, LONGEST) || "figure";

/**
 * Saves a drawn figure: a PNG has twice its size on the page, for print and for slides.
 * @param {any} plotly
 * @param {any} node
 * @param {string} format "png" or "svg"
 * @param {string} filename
 */
export function save(plotly, node, format, filename) {
  const ground = color("--surface");
  const layout = { ...node.layout, paper_bgcolor: ground, plot_bgcolor: ground };
  const size = { width: node.clientWidth, height: node.clientHeight, scale: format === "png" ? 2 : 1 };
  return plotly.downloadImage({ data: node.data, layout }, { format, filename, ...size });
}
