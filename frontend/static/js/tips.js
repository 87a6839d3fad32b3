// What a coloured cell stands for, beside it, while the keyboard is on it; the mouse has its title.

import { $, make } from "./dom.js";
import { place } from "./explain.js";

/** @returns {HTMLElement} */
const box = () => $("#tip") ?? document.body.appendChild(make("div", { id: "tip", popover: "manual", ariaHidden: "true" }));

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
const cellOf = (target) => (target instanceof Element ? target.closest(".cell[title]") : null);

function hide() {
  const shown = $("#tip:popover-open");
  if (shown) shown.hidePopover();
}

/** @param {HTMLElement} cell */
function show(cell) {
  box().textContent = cell.title;
  box().showPopover();
  place(box(), cell);
}

export function tips() {
  document.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (cell?.matches(":focus-visible")) show(cell);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
