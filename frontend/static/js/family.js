// A family of widths: another picture, and a recipe for another width, without loading the page again.

import { $, remember } from "./dom.js";
import { figures } from "./figure.js";
import { live } from "./live.js";
import { refresh } from "./morph.js";
import "./take.js";

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const tab = event.target.closest("[data-view]");
  if (!(tab instanceof HTMLElement)) return;
  event.preventDefault();
  remember({ view: tab.dataset.view ?? "" });
  refresh(["fits", "pairs"]);
});

function target() {
  const field = $("[data-target] input[name=target]");
  if (!field?.checkValidity()) return;
  remember({ target: field.value });
  refresh(["recipe"]);
}

document.addEventListener("input", (event) => {
  if (event.target instanceof Element && event.target.matches("[data-target] input")) target();
});
document.addEventListener("submit", (event) => {
  if (!(event.target instanceof Element) || !event.target.matches("[data-target]")) return;
  event.preventDefault();
  target();
});

figures();
live();
