// What a word means, in place: its button opens what the glossary says of it. Without scripts the button leads there.

import { $, make } from "./dom.js";

const GAP = 6, EDGE = 8; // pixels between button and text, and to the edge of the window

/** What was fetched, by the term's name. @type {Map<string, string>} */
const known = new Map();
/** @type {HTMLButtonElement | null} */
let opener = null;
/** The button whose text was open when a press began: that press closes it. @type {HTMLButtonElement | null} */
let pressed = null;

/** @returns {HTMLElement} */
const box = () => $("#term");

/** @param {EventTarget | null} target @returns {HTMLButtonElement | null} */
const buttonOf = (target) => (target instanceof Element ? target.closest('button[form="terms"]') : null);

/** A box below what it explains, or above where there is more room; never beyond the sides. @param {HTMLElement} box @param {Element} word */
export function place(box, word) {
  const at = word.getBoundingClientRect(), room = document.documentElement;
  const below = room.clientHeight - at.bottom, above = at.top;
  box.style.maxHeight = `${Math.max(below, above) - GAP - EDGE}px`;
  const { width, height } = box.getBoundingClientRect();
  const top = below >= height + GAP + EDGE || below >= above ? at.bottom + GAP : at.top - GAP - height;
  box.style.left = `${Math.max(EDGE, Math.min(at.left, room.clientWidth - width - EDGE)) + scrollX}px`;
  box.style.top = `${Math.max(EDGE, top) + scrollY}px`;
}

/** @param {string} name @returns {Promise<string>} */
async function text(name) {
  const before = known.get(name);
  if (before !== undefined) return before;
  const answer = await fetch(`/help/terms/${name}`);
  if (!answer.ok) throw new Error(`term: ${answer.status}`);
  const found = await answer.text();
  known.set(name, found);
  return found;
}

/** @param {HTMLButtonElement} button */
async function open(button) {
  opener = button;
  try {
    box().innerHTML = await text(button.value); // the server has escaped it
  } catch {
    box().replaceChildren(make("p", { id: "term-t", textContent: "The explanation could not be loaded." }));
  }
  if (opener !== button) return;
  box().showPopover();
  place(box(), button);
  box().focus({ preventScroll: true });
}

/** Back to the button, unless the reader went elsewhere. */
function leave() {
  const now = document.activeElement;
  if (opener?.isConnected && (!now || now === document.body || box().contains(now))) opener.focus({ preventScroll: true });
}

export function explain() {
  document.addEventListener("pointerdown", (event) => {
    pressed = box().matches(":popover-open") && buttonOf(event.target) === opener ? opener : null;
  }, true);
  document.addEventListener("click", (event) => {
    const button = buttonOf(event.target);
    if (!button) return;
    event.preventDefault();
    const closes = pressed === button;
    pressed = null;
    if (closes) box().hidePopover();
    else open(button);
  });
  box().addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "closed") leave();
  });
  addEventListener("resize", () => {
    if (opener?.isConnected && box().matches(":popover-open")) place(box(), opener);
  });
}
