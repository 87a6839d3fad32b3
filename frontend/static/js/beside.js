// Reports side by side: choosing a layer redraws its spectra, and what is pointed at stands out everywhere.

import { $, $$, remember, say } from "./dom.js";
import { figures, spotlight } from "./figure.js";
import { refresh } from "./morph.js";
import { roving } from "./roving.js";
import "./take.js";

/** @param {string} weight */
async function pick(weight) {
  remember({ weight });
  for (const row of $$("#rows [aria-current]")) row.removeAttribute("aria-current");
  $$("#rows tbody tr").find((row) => row.dataset.key === weight)?.setAttribute("aria-current", "true");
  if (await refresh(["overlay"]).catch(() => false)) say($("#o-t").textContent);
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const row = event.target.closest("#rows tbody tr");
  if (!(row instanceof HTMLElement) || !row.dataset.key) return;
  event.preventDefault();
  pick(row.dataset.key);
});

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) /** @type {HTMLFormElement | null} */ (event.target.closest("[data-finder]"))?.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("[data-finder]")) return;
  event.preventDefault();
  const fields = [...new FormData(form)].filter(([, value]) => value !== "").map(([name, value]) => [name, String(value)]);
  location.assign(`${location.pathname}?${new URLSearchParams(fields)}`);
});

let lit = "";

/** @param {string} member */
function shine(member) {
  if (member === lit) return;
  lit = member;
  spotlight(member);
  for (const node of $$("#reports [data-member], .key [data-member], .changed [data-member]")) {
    node.classList.toggle("dim", member !== "" && node.dataset.member !== member);
  }
}

document.addEventListener("pointerover", (event) => {
  const target = event.target instanceof Element ? event.target.closest("[data-member]") : null;
  if (!(event.target instanceof Element && event.target.closest(".plot"))) shine(target instanceof HTMLElement ? target.dataset.member ?? "" : "");
});
document.addEventListener("lit", (event) => shine(String(/** @type {CustomEvent} */ (event).detail ?? "")));

roving();
figures();
