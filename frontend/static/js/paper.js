// Printing: every figure is drawn in the light theme and as wide as paper, also those that were never in view.

import { divide, unite } from "./divide.js";
import { $$ } from "./dom.js";

/** The sheets that are for paper alone, whatever they are for at the moment. */
const sheets = $$('[media="print"]');

/** Paper is no wider than a page and may change a figure's place, but not its height. @param {boolean} keep */
function keepHeights(keep) {
  for (const plot of $$(".plot")) plot.style.height = keep && plot.offsetHeight ? `${plot.offsetHeight}px` : "";
}

/**
 * @param {() => void} before draws all, at once: the browser does not wait
 * @param {() => void} after draws again for the screen
 */
export function paper(before, after) {
  const root = document.documentElement;
  /** @type {string | undefined} */
  let theme;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    root.dataset.paper = "";
    for (const sheet of sheets) sheet.media = "all";
    keepHeights(true);
    before();
    divide();
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    delete root.dataset.paper;
    for (const sheet of sheets) sheet.media = "print";
    unite();
    keepHeights(false);
    after();
  });
}
