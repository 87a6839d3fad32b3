// The report of a run: choosing a layer, colouring the grid, keys, and growing while the run goes on.

import { copyTable } from "./cells.js";
import { $, remember, say } from "./dom.js";
import { figures } from "./figure.js";
import { live } from "./live.js";
import { refresh } from "./morph.js";
import { roving } from "./roving.js";
import { mark, narrow, reveal, rows } from "./rows.js";
import { table } from "./table.js";
import "./take.js";

/**
 * Shows a layer in the panel; the address remembers it.
 * @param {string} weight
 * @param {boolean} [go] whether to bring the panel into view where it stands below the table
 */
async function pick(weight, go = false) {
  if (new URL(location.href).searchParams.get("weight") === weight) {
    if (go && narrow()) $("#panel").scrollIntoView();
    return;
  }
  remember({ weight });
  mark(weight);
  $("#panel").setAttribute("aria-busy", "true");
  if (!await refresh(["panel"], `${location.pathname}/panel${location.search}`).catch(() => false)) return;
  $("#panel").removeAttribute("aria-busy");
  if ($("#p-t")) say(`${$("#p-t").textContent}: ${$("#panel .tag")?.textContent ?? ""}`);
  if (go && narrow()) $("#panel").scrollIntoView();
}

/** Shows the column and the picture that the address asks for. */
const picture = () => refresh(["health", "picture"], `${location.pathname}/health${location.search}`);

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const tab = event.target.closest("[data-view]");
  if (tab instanceof HTMLElement) {
    event.preventDefault();
    remember({ view: tab.dataset.view ?? "" });
    picture();
    return;
  }
  const row = event.target.closest("#rows tbody tr"), spot = event.target.closest("[data-pick]");
  const weight = row instanceof HTMLElement ? row.dataset.key : /** @type {HTMLElement | null} */ (spot)?.dataset.pick;
  if (!weight) return;
  event.preventDefault();
  pick(weight, true);
  if (spot) reveal(weight);
});
document.addEventListener("pick", (event) => pick(/** @type {CustomEvent} */ (event).detail, true));

document.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLSelectElement) || !event.target.closest("[data-color]")) return;
  remember({ color: event.target.value });
  picture();
});

rows(pick);
roving();
table();
copyTable();
figures();
live();
