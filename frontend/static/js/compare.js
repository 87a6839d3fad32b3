// The form of a comparison: the base is no tuned checkpoint of itself, the address holds the choice, a search acts at once.

import { $, $$, say, typing } from "./dom.js";
import { refresh } from "./morph.js";

const PAUSE = 250; // ms after the last letter

const boxes = () => /** @type {HTMLInputElement[]} */ ($$('[name="tuned"]'));

function chosen() {
  const base = $('[name="base"]')?.value ?? "";
  for (const box of boxes()) {
    box.disabled = box.value === base;
    if (box.disabled) box.checked = false;
  }
  const tuned = boxes().filter((box) => box.checked).map((box) => box.value);
  const find = $('[name="find"]').value.trim();
  const url = new URL(location.href);
  url.search = "";
  if (base) url.searchParams.set("base", base);
  if (tuned.length) url.searchParams.set("tuned", tuned.join(","));
  if (find) url.searchParams.set("find", find);
  history.replaceState(null, "", url);
}

/** Shows what the words find, beside what is chosen. */
async function search() {
  chosen();
  if (await refresh(["base", "tuned", "matches"]).catch(() => false)) say($("#matches").textContent.trim());
}

let waiting = 0;
$("#search")?.remove(); // the first button of the form would be pressed by Enter in any field
document.addEventListener("input", (event) => {
  if (!(event.target instanceof Element) || !event.target.matches('[name="find"]')) return;
  clearTimeout(waiting);
  waiting = setTimeout(search, PAUSE);
});
document.addEventListener("keydown", (event) => {
  const field = $('[name="find"]');
  if (event.key === "Enter" && event.target === field) {
    event.preventDefault();
    search();
  }
  if (event.key !== "/" || !field || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
});
document.addEventListener("change", (event) => {
  if (event.target instanceof Element && event.target.matches('[name="base"], [name="tuned"]')) chosen();
});
