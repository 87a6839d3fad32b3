// The page of a comparison: choosing a matrix and a tuned checkpoint, moving k and ε, and one look for one checkpoint.

import { copyTable } from "./cells.js";
import { $, $$, remember, say } from "./dom.js";
import { adjust, figures, redraw, spotlight } from "./figure.js";
import { live } from "./live.js";
import { count, matched, sentence, swept } from "./match.js";
import { refresh } from "./morph.js";
import { roving } from "./roving.js";
import { mark, narrow, reveal, rows } from "./rows.js";
import { table } from "./table.js";
import "./take.js";

const FULL = 5; // counts from here on share the strongest colour (frontend/tables/grid.py)

// ---------- one matrix ----------

/** @param {string} weight @param {boolean} go */
async function pick(weight, go = false, position = "") {
  const shown = new URL(location.href).searchParams;
  const tuned = position || shown.get("position") || ($("[data-tuned][aria-current]")?.dataset.tuned ?? "");
  const known = weight || $("[data-matrix] select").value;
  if (shown.get("weight") !== known || shown.get("position") !== tuned) {
    remember({ weight: known, position: tuned });
    mark(known, tuned);
    $("#matrix").setAttribute("aria-busy", "true");
    if (!await refresh(["matrix", "overlaid"], `${location.pathname}/matrix${location.search}`).catch(() => false)) return;
    $("#matrix").removeAttribute("aria-busy");
    $("[data-matrix] select").value = known;
  }
  if (go && (narrow() || $("#matrix").getBoundingClientRect().top > 0.5 * innerHeight || $("#matrix").getBoundingClientRect().bottom < 200)) $("#matrix").scrollIntoView();
}

/** Shows the column and the picture that the address asks for. */
const cells = () => refresh(["where"], `${location.pathname}/cells${location.search}`);

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const near = (/** @type {string} */ query) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(query));
  const tab = near("[data-view]"), tuned = near("[data-tuned]"), row = near("#rows tbody tr"), spot = near("[data-pick]");
  if (!tab && !tuned && !row && !spot && !near("[data-reset]")) return;
  event.preventDefault();
  if (tab) {
    remember({ view: tab.dataset.view ?? "" });
    cells();
  } else if (tuned) pick("", false, tuned.dataset.tuned);
  else if (row) pick(row.dataset.key ?? "", true);
  else if (spot) {
    pick(spot.dataset.pick ?? "", true, spot.dataset.position);
    reveal(spot.dataset.pick ?? "");
  } else reset();
});
document.addEventListener("pick", (event) => pick(/** @type {CustomEvent} */ (event).detail, true));

document.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLSelectElement)) return;
  if (event.target.closest("[data-matrix]")) pick(event.target.value);
  if (event.target.closest("[data-color]")) {
    remember({ color: event.target.value });
    cells();
  }
});

// ---------- k and ε ----------

/** @type {import("./match.js").Curve[] | null} */
let curves = null;
/** @type {Promise<void> | null} */
let asked = null;
let directions = 0, drawing = 0; // the most that a matrix shown so far has: no k beyond can be counted

/** The sliders with their values, and whether they stand where the run stood; null where the page has none. */
function settings() {
  const k = $("#k"), epsilon = $("#epsilon");
  if (!k) return null;
  const run = { k: Number(k.dataset.run), epsilon: Number(epsilon.dataset.run) };
  const now = { k: Number(k.value), epsilon: Number(epsilon.value) };
  return { ...now, run, moved: now.k !== run.k || Math.abs(now.epsilon - run.epsilon) > 1e-9 };
}

/** Every matrix' best matches, asked for once and when somebody moves. */
function load() {
  asked ??= fetch($("#ranges").dataset.curves).then(async (answer) => {
    if (!answer.ok) throw new Error(`curves: ${answer.status}`);
    ({ rows: curves } = await answer.json());
  }).catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** Draws all that k and ε change. */
async function move() {
  const at = settings();
  if (!at) return;
  $("#k-o").textContent = String(at.k);
  $("#epsilon-o").textContent = at.epsilon.toFixed(2);
  $("#moved").hidden = !at.moved;
  redraw("match");
  if (at.moved) await load();
  redraw("sweep");
  recount();
}

/** The counts of all cells: the run's own, or for a moved k and ε counted here from the best matches. */
function recount() {
  const at = settings();
  if (!at || (at.moved && !curves)) return;
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const { weight, role, depth, group, values } of at.moved ? curves ?? [] : []) {
    const key = `${group.at(-1)}|${depth === null ? weight : `${role}.${depth}`}`;
    found.set(key, (found.get(key) ?? 0) + count(values, at.k, at.epsilon));
  }
  const totals = new Map();
  for (const node of $$("#where [data-at]")) {
    const number = at.moved ? found.get(node.dataset.at) ?? 0 : Number(node.dataset.number);
    const cell = node.closest(".cell"), member = cell.dataset.position;
    totals.set(member, (totals.get(member) ?? 0) + number);
    node.textContent = number ? String(number) : "·";
    cell.className = `cell q-${Math.min(number, FULL)}`;
    cell.title = `${cell.dataset.label}: ${number}`;
  }
  for (const node of $$("#where [data-total]")) node.textContent = String(totals.get(node.dataset.total) ?? 0);
  for (const node of $$("#where [data-k]")) node.textContent = String(at.k);
  for (const node of $$("#where [data-epsilon]")) node.textContent = at.epsilon.toFixed(2);
  for (const node of $$("[data-sweep-k]")) node.textContent = ` Counted with k = ${at.k}.`;
}

function reset() {
  for (const name of ["k", "epsilon"]) $(`#${name}`).value = $(`#${name}`).dataset.run;
  remember({ k: "", epsilon: "" });
  move();
  $("#k").focus();
  say("The run’s own k and ε");
}

adjust("match", (figure) => {
  const at = settings();
  if (!at || !figure.layout.meta?.match) return figure;
  const { best } = figure.layout.meta.match, said = $("#said");
  directions = Math.max(directions, best.length);
  $("#k").max = String(Math.max(directions, at.run.k, at.k));
  const words = sentence(best, at.k, at.epsilon, said.dataset.label, said.dataset.name);
  if (said.textContent !== words) said.textContent = words;
  return matched(figure, at.k, at.epsilon);
});
adjust("sweep", (figure) => {
  const at = settings();
  return at?.moved && figure.data.length ? swept(figure, at.k === at.run.k ? null : curves, at.k, at.epsilon) : figure;
});

document.addEventListener("input", (event) => {
  if (!(event.target instanceof HTMLInputElement) || !event.target.closest("#ranges")) return;
  const at = settings();
  if (at) remember({ k: at.k === at.run.k ? "" : String(at.k), epsilon: at.epsilon === at.run.epsilon ? "" : String(at.epsilon) });
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(move);
});
document.addEventListener("refreshed", () => {
  if ($("[data-live]")) [curves, asked] = [null, null]; // there are more rows by now
  if (settings()?.moved) move();
  else recount();
});

// ---------- one checkpoint, one look: what is pointed at stands out everywhere ----------

let lit = "";

/** @param {Event} event */
function point(event) {
  const target = event.target instanceof Element ? event.target : null;
  const member = /** @type {HTMLElement | null} */ (target?.closest("[data-member]"))?.dataset.member ?? "";
  const weight = /** @type {HTMLElement | null} */ (target?.closest("#where [data-pick]"))?.dataset.pick ?? "";
  for (const node of $$("#where .twin")) node.classList.remove("twin");
  if (weight) for (const node of $$("#where [data-pick]")) node.classList.toggle("twin", node.dataset.pick === weight);
  shine(target?.closest(".chip, .key, thead, .seg, .contrast tbody") ? member : "");
}

/** @param {string} member */
function shine(member) {
  if (member === lit) return;
  lit = member;
  spotlight(member);
  for (const node of $$(".key [data-member], .chip[data-member]")) node.classList.toggle("dim", member !== "" && node.dataset.member !== member);
}

document.addEventListener("pointerover", point);
document.addEventListener("lit", (event) => shine(String(/** @type {CustomEvent} */ (event).detail ?? "")));

rows(pick);
roving();
table();
copyTable();
figures();
live();
move().catch(() => say("The counts could not be loaded."));
