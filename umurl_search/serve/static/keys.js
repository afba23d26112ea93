/** What can be done with keys and pointer, as a dialog. */

import { h } from "./dom.js";

const KEYS = [
  ["/", "type a clip's name or action"],
  ["1 … 5", "Search, Compare, Evaluate, Map, Timeline"],
  ["arrows", "walk through the results; in the map, move it"],
  ["Enter", "search with the result that has the focus"],
  ["v", "see it large, beside the query"],
  ["space", "play, pause"],
  [", .", "a frame back, a frame on"],
  ["[ ]", "turn the skeletons"],
  ["+ − 0", "nearer, farther, first view"],
  ["d", "light or dark"],
  ["?", "this"],
];

export function showKeys() {
  if (document.querySelector("dialog.keys")) return;
  /** @type {HTMLDialogElement} */
  const dialog = h(
    "dialog", { class: "keys", "aria-label": "Keys and hints" },
    h("h2", {}, "Keys"),
    h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("p", { class: "quiet" }, "Drag any skeleton to turn all of them; click one to see it large. A file dropped anywhere becomes the query. The address of a view holds all it shows."),
    h("button", { type: "button", onclick: () => dialog.close() }, "Close"),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
