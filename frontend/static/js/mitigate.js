// The form that makes a mended checkpoint: with k and ε as the page has them now, and its list kept up to date.

import { $ } from "./dom.js";
import { poll } from "./poll.js";

document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches("[data-mitigate]")) return;
  for (const name of ["k", "epsilon"]) {
    const moved = $(`#ranges #${name}`);
    if (moved) $(`[name=${name}]`, event.target).value = moved.value;
  }
});
poll();
