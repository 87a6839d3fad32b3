// What every page has: copy buttons, confirmations, menus that close, the help on keys.

import { $, $$, say, typing } from "./dom.js";

/**
 * @param {HTMLElement} button
 * @param {string} text
 */
async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  const before = button.firstChild;
  if (!before) return;
  const words = before.nodeValue;
  before.nodeValue = "Copied";
  say("Copied");
  setTimeout(() => { before.nodeValue = words; }, 1500);
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const from = event.target.closest("[data-copy]"), link = event.target.closest("[data-copy-link]");
  if (from instanceof HTMLElement) copy(from, $(from.dataset.copy ?? "").textContent);
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
