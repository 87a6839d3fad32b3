// The form of width scaling: a value copied down its column, as one does with a learning rate that all models share.

import { $$, say } from "./dom.js";

document.addEventListener("keydown", (event) => {
  if (!(event.target instanceof HTMLInputElement) || !event.target.closest(".stated")) return;
  if (event.key !== "d" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const fact = event.target.name.split(".")[1];
  const column = $$(`.stated input[name$=".${fact}"]`);
  for (const field of column.slice(column.indexOf(event.target) + 1)) field.value = event.target.value;
  say("Copied down the column");
});
