// Printing: every figure is drawn in the light theme and as wide as paper, also those that were never in view.

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
    before();
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    delete root.dataset.paper;
    after();
  });
}
