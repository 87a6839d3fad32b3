// The form of a comparison: the base is no tuned checkpoint of itself, and the address holds the choice.

import { $, $$ } from "./dom.js";

const boxes = () => /** @type {HTMLInputElement[]} */ ($$('[name="tuned"]'));

function chosen() {
  const base = $('[name="base"]')?.value ?? "";
  for (const box of boxes()) {
    box.disabled = box.value === base;
    if (box.disabled) box.checked = false;
  }
  const tuned = boxes().filter((box) => box.checked).map((box) => box.value);
  const url = new URL(location.href);
  url.search = "";
  if (base) url.searchParams.set("base", base);
  if (tuned.length) url.searchParams.set("tuned", tuned.join(","));
  history.replaceState(null, "", url);
}

document.addEventListener("change", (event) => {
  if (event.target instanceof Element && event.target.matches('[name="base"], [name="tuned"]')) chosen();
});
