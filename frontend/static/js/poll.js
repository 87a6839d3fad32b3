// Pages that list things which change by themselves: while any of them moves, the page keeps itself up to date.

import { $ } from "./dom.js";
import { refresh } from "./morph.js";

const EVERY = 1500; // ms

/** Brings the page up to date while it holds something marked [data-moving]. */
export function poll() {
  setTimeout(async () => {
    if ($("[data-moving]") && !document.hidden) await refresh(["main"]).catch(() => false);
    poll();
  }, EVERY);
}
