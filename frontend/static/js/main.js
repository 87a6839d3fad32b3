// What every page has: copy buttons, confirmations, menus that close, the help on keys.

import { $, $$, say, typing } from "./dom.js";
import { explain } from "./explain.js";

/**
 * Copies, and says so on the button for a moment. Without a clipboard (plain http from another machine has none) the
 * text is selected instead, so that the reader's own key copies it.
 * @param {HTMLElement} button
 * @param {string} text
 * @param {Element} [source]
 */
async function copy(button, text, source) {
  try {
    await navigator.clipboard.writeText(text);
    answer(button, "Copied");
  } catch {
    if (source) getSelection()?.selectAllChildren(source);
    answer(button, source ? "Selected: press Ctrl C" : "Copy it from the address bar");
  }
}

/** Those that wait to have their own words again. @type {WeakMap<HTMLElement, number>} */
const answering = new WeakMap();

/**
 * @param {HTMLElement} button
 * @param {string} words
 */
function answer(button, words) {
  const label = button.firstChild;
  if (!label) return;
  const before = button.dataset.words ??= label.nodeValue ?? "";
  label.nodeValue = words;
  say(words);
  clearTimeout(answering.get(button));
  answering.set(button, setTimeout(() => { label.nodeValue = before; }, 1500));
}

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
