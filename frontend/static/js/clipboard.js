// Copying, with the answer on the button that was pressed.

import { say } from "./dom.js";

/**
 * Copies, and says so on the button for a moment. Without a clipboard (plain http from another machine has none) the
 * text is selected instead, so that the reader's own key copies it.
 * @param {HTMLElement} button
 * @param {string} text
 * @param {Element} [source]
 * @param {string} [otherwise] what to say where there is neither
 */
export async function copy(button, text, source, otherwise = "Copy it from the address bar") {
  try {
    await navigator.clipboard.writeText(text);
    answer(button, "Copied");
  } catch {
    if (source) getSelection()?.selectAllChildren(source);
    answer(button, source ? "Selected: press Ctrl C" : otherwise);
  }
}

/** Those that wait to have their own words again. @type {WeakMap<HTMLElement, number>} */
const answering = new WeakMap();

/**
 * @param {HTMLElement} button
 * @param {string} words
 */
export function answer(button, words) {
  const label = button.firstChild;
  if (!label) return;
  const before = button.dataset.words ??= label.nodeValue ?? "";
  label.nodeValue = words;
  say(words);
  clearTimeout(answering.get(button));
  answering.set(button, setTimeout(() => { label.nodeValue = before; }, 1500));
}
