// Pages that list things which change by themselves: while any of them moves, the page keeps itself up to date.

import { $ } from "./dom.js";
import { refresh } from "./morph.js";

const EVERY = 1500; // ms

let begun = false; // several parts of a page may ask for it
let leaving = false; // a form was sent, and the next page comes: this one may be deleted by it
addEventListener("submit", (event) => (leaving = !event.defaultPrevented));
addEventListener("pageshow", () => (leaving = false));

/** Brings the page up to date while it holds something marked [data-moving]. */
export function poll() {
  if (!begun) wait();
  begun = true;
}

function wait() {
  setTimeout(async () => {
    if ($("[data-moving]") && !document.hidden && !leaving) await refresh(["main"]).catch(() => false);
    wait();
  }, EVERY);
}
