// What every page has: copy buttons, confirmations, menus that close, the help on keys.

import { copy } from "./clipboard.js";
import { $, $$, typing } from "./dom.js";
import { explain } from "./explain.js";
import { tips } from "./tips.js";

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const from = event.target.closest("[data-copy]"), link = event.target.closest("[data-copy-link]");
  if (from instanceof HTMLElement) {
    const source = $(from.dataset.copy ?? "");
    copy(from, source.textContent, source);
  }
  if (link instanceof HTMLElement) copy(link, location.href);
  if (event.target.closest("[data-help]")) $("#keys").showModal();
  for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") $$("details.menu[open]").forEach((menu) => { menu.open = false; });
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") $("#keys").showModal();
});

explain();
tips();
