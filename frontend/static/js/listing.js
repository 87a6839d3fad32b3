// The lists of checkpoints and runs: filters act at once, chosen rows are counted, the arrow keys go through the rows.

import { $, $$, typing } from "./dom.js";
import { poll } from "./poll.js";
import { roving } from "./roving.js";

const boxes = () => /** @type {HTMLInputElement[]} */ ($$('.listing [name="id"]'));

/** Says how many rows are chosen, and shows only then what can be done to them. */
function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  for (const node of $$("[data-chosen]")) node.textContent = chosen ? `${chosen} chosen` : "None chosen";
  $("#change").hidden = !chosen; // without a script it is always there
}

/** The finder's address without its empty fields. @param {HTMLFormElement} form */
function search(form) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "").map(([name, value]) => [name, String(value)]);
  const query = new URLSearchParams(fields).toString();
  location.assign(location.pathname + (query ? `?${query}` : ""));
}

document.addEventListener("change", (event) => {
  if (!(event.target instanceof Element)) return;
  const form = event.target.closest("[data-finder]");
  if (form instanceof HTMLFormElement && event.target.matches("select")) search(form);
  if (event.target.matches('[name="id"]')) count();
});
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-finder]")) return;
  event.preventDefault();
  search(form);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  $("[data-finder] input[type=search]").focus();
});
document.addEventListener("refreshed", count);
addEventListener("pageshow", count); // a browser that goes back keeps what was ticked

roving();
count();
poll();
