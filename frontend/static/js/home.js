// The first page: drop or choose files, watch them go, follow what runs.

import { $ } from "./dom.js";
import { groups, listed, dropped } from "./files.js";
import { refresh } from "./morph.js";
import { poll } from "./poll.js";
import { send } from "./upload.js";

const folder = document.createElement("input");
folder.type = "file";
folder.webkitdirectory = true;

/** @param {{ file: File, path: string }[]} files */
async function take(files) {
  const found = groups(files, JSON.parse($("#drop").dataset.formats)), name = $("#called").value.trim();
  if (found.length === 1 && name) found[0].called = name;
  for (const group of found) await send(group, found.length === 1);
  $("#called").value = "";
  await refresh(["main"]);
}

for (const input of [$("#files"), folder]) {
  input.addEventListener("change", () => {
    take(listed(input.files));
    input.value = "";
  });
}
$('[data-choose="files"]').addEventListener("click", () => $("#files").click());
$('[data-choose="folder"]').addEventListener("click", () => folder.click());
$("#drop").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());

let depth = 0; // dragenter and dragleave come for every element under the pointer
addEventListener("dragenter", () => document.body.classList.toggle("over", ++depth > 0));
addEventListener("dragleave", () => document.body.classList.toggle("over", --depth > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("over");
  if (event.dataTransfer) take(await dropped(event.dataTransfer));
});

poll();
