// A run that goes on: every event of its stream brings the page up to date, no more often than the page can bear.

import { $, say } from "./dom.js";
import { stale } from "./figure.js";
import { refresh } from "./morph.js";

const PAUSE = 400; // ms between two updates, at least
const FAILURES = 5; // in a row, until the next event
const SHARE = 3; // an update that takes long is followed by a pause this many times as long

/** Follows the run until it ends. Nothing to do where it has ended already. */
export function live() {
  const address = $("[data-live]")?.dataset.live;
  if (!address) return;
  const stream = new EventSource(address);
  let waiting = false, busy = false, ended = false, failures = 0;

  async function update() {
    if (busy) return void (waiting = true);
    busy = true;
    waiting = false;
    const start = performance.now();
    failures = await refresh(["main"]).catch(() => false) ? 0 : failures + 1;
    if (failures && failures < FAILURES) waiting = true;
    stale();
    const spent = performance.now() - start;
    setTimeout(() => {
      busy = false;
      if (waiting) update();
    }, ended ? 0 : Math.max(PAUSE, SHARE * spent));
  }

  stream.addEventListener("progress", update);
  stream.addEventListener("row", update);
  stream.addEventListener("end", () => {
    ended = true;
    stream.close();
    update();
    say("The run has ended");
  });
}
