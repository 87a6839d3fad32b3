// One upload: sent with its progress shown, then analysed, then opened. What goes wrong is said where it went wrong.
// Small ones go in one request; others in pieces, which can be paused and survive a lost connection and a reload.

import { $, make } from "./dom.js";
import { Sending, Stopped } from "./tus.js";

const SMALL = 8 << 20; // bytes

/** @param {number} bytes */
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);

/**
 * @param {import("./files.js").Group} group
 * @param {boolean} open whether to go to the report
 */
export async function send(group, open) {
  const total = group.files.reduce((sum, { file }) => sum + file.size, 0);
  const progress = make("progress", { max: 1, value: 0 });
  const words = make("span", { className: "muted nowrap" }, `0 of ${size(total)}`);
  const stop = make("button", { type: "button", className: "btn bare" }, "Stop");
  const pause = make("button", { type: "button", className: "btn bare", hidden: total <= SMALL }, "Pause");
  const item = make("div", { className: "upload" }, make("b", {}, group.called ?? group.name), words, pause, stop, progress);
  progress.setAttribute("aria-label", `Upload of ${group.name}`);
  const left = Object.entries(group.left_out).map(([path, reason]) => `${path} (${reason})`);
  if (left.length) item.append(make("p", { className: "muted wide" }, `Not sent: ${left.join(", ")}`));
  $("#uploads").append(item);
  try {
    const moved = (/** @type {number} */ sent, note = "") => {
      progress.value = total ? sent / total : 1;
      const far = `${size(Math.min(sent, total))} of ${size(total)}`;
      words.textContent = note ? `${far}, ${note}` : sent < total ? far : "stored, asking for the analysis";
    };
    const checkpoint = total > SMALL ? await inPieces(group, pause, stop, moved) : await transfer(group, stop, moved);
    const run = await ask(checkpoint.id);
    if (open) location.assign(`/runs/${run.id}`);
    else item.replaceChildren(make("b", {}, group.called ?? group.name), make("a", { href: `/runs/${run.id}` }, "Open its report"));
  } catch (error) {
    words.textContent = "";
    progress.remove();
    pause.remove();
    stop.replaceWith(make("button", { type: "button", className: "btn bare", onclick: () => item.remove() }, "Dismiss"));
    const stopped = error instanceof Stopped;
    const text = error instanceof Error ? error.message : String(error);
    item.append(make("p", { className: `callout ${stopped ? "quiet" : "bad"}`, textContent: text }));
  }
}

/**
 * @param {import("./files.js").Group} group
 * @param {HTMLElement} stop
 * @param {(sent: number) => void} moved
 * @returns {Promise<any>} the checkpoint
 */
function transfer(group, stop, moved) {
  const [only] = group.files;
  const alone = group.files.length === 1 && !only.path.includes("/");
  const request = new XMLHttpRequest(); // fetch cannot tell how far an upload is
  const query = new URLSearchParams({ filename: only.path, ...(group.called ? { name: group.called } : {}) });
  const address = alone ? `/api/v1/checkpoints?${query}` : "/api/v1/checkpoints";
  request.open("POST", address);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => moved(event.loaded));
  stop.addEventListener("click", () => request.abort());
  return new Promise((done, failed) => {
    request.addEventListener("load", () => (request.status === 201 ? done(request.response) : failed(problem(request.response, request.status))));
    request.addEventListener("error", () => failed(new Error("The connection to the service broke. Is it still running?")));
    request.addEventListener("abort", () => failed(new Stopped("Stopped. Nothing of it was kept.")));
    if (alone) request.setRequestHeader("content-type", "application/octet-stream");
    request.send(alone ? only.file : form(group));
  });
}

/**
 * @param {import("./files.js").Group} group
 * @param {HTMLElement} pause
 * @param {HTMLElement} stop
 * @param {(sent: number, note?: string) => void} moved
 * @returns {Promise<any>} the checkpoint
 */
async function inPieces(group, pause, stop, moved) {
  const sending = new Sending(group.files, moved);
  stop.addEventListener("click", () => sending.stop());
  pause.addEventListener("click", () => {
    const rests = pause.textContent === "Pause";
    pause.textContent = rests ? "Go on" : "Pause";
    if (rests) sending.pause();
    else sending.resume();
  });
  const checkpoint = await post("/api/v1/checkpoints", { name: group.called ?? group.name, files: await sending.run() });
  sending.forget();
  return checkpoint;
}

/** @param {import("./files.js").Group} group */
function form(group) {
  const data = new FormData();
  data.append("name", group.called ?? group.name);
  for (const { file, path } of group.files) data.append("files", file, path);
  return data;
}

/** @param {number} checkpoint */
const ask = (checkpoint) => post("/api/v1/runs", { checkpoints: [checkpoint], diagnostics: null });

/** @param {string} path @param {any} asked */
async function post(path, asked) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(asked) });
  const body = await answer.json();
  if (!answer.ok) throw problem(body, answer.status);
  return body;
}

/**
 * @param {any} body problem+json
 * @param {number} status
 */
function problem(body, status) {
  return new Error(body?.detail ?? body?.title ?? `The service answered ${status}.`);
}
