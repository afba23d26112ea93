/** Choosing a query: a file dropped or opened, a clip of the corpus by name or action, or one by chance. */

import { api, asError, isAbort } from "./api.js";
import { choice } from "./controls.js";
import { fill, h, settled } from "./dom.js";
import { clipName, facts } from "./format.js";
import { accepted, conventions, remember } from "./shelf.js";
import { filesOf } from "./together.js";

const SUGGESTIONS = 12;

/**
 * Files dropped anywhere on the page go to `onFiles`.
 * @param {(files: File[]) => void} onFiles
 */
export function dropAnywhere(onFiles) {
  const root = document.documentElement;
  let inside = 0;
  /** @param {DragEvent} event */
  const files = (event) => event.dataTransfer?.types.includes("Files");
  /** @param {number} by */
  const light = (by) => {
    inside = Math.max(0, inside + by);
    root.classList.toggle("dropping", inside > 0);
  };
  window.addEventListener("dragenter", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    light(1);
  });
  window.addEventListener("dragover", (event) => files(event) && event.preventDefault());
  window.addEventListener("dragleave", (event) => files(event) && light(-1));
  window.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    light(-inside);
    if (event.dataTransfer) filesOf(event.dataTransfer).then((dropped) => dropped.length && onFiles(dropped), () => onFiles([]));
  });
}

/**
 * The zone that says that files can be dropped, and opens some.
 * @param {(files: File[]) => void} onFiles
 */
export function dropZone(onFiles) {
  const input = h("input", { type: "file", accept: accepted.suffixes.join(","), class: "unseen", id: "file", multiple: true });
  input.addEventListener("change", () => {
    if (input.files?.length) onFiles([...input.files]);
    input.value = "";
  });
  return h(
    "label", { class: "drop", for: "file" },
    h("strong", {}, "Drop a clip, or choose a file"),
    h("span", { class: "quiet" }, `${accepted.suffixes.join(", ")}; held in memory only`),
    input,
  );
}

/** @type {[string, string]} */
const AS_INDEX = ["", "the index's"];

/** How the next .npy files are to be read, where not as the index's dataset was. */
export function fileKinds() {
  /** @typedef {keyof typeof conventions} Name */
  /** @type {(name: Name) => (value: string) => void} */
  const set = (name) => (value) => {
    conventions[name] = value || null;
  };
  /** @type {(name: Name, typed: string) => void} */
  const setPositive = (name, typed) => {
    conventions[name] = Number(typed) > 0 ? typed : null;
  };
  /** @type {(label: string, name: Name, placeholder: string) => HTMLElement} */
  const typed = (label, name, placeholder) =>
    h("label", { class: "field" }, h("span", {}, label), h("input", { type: "number", min: 0, step: "any", placeholder, value: conventions[name] ?? "", onchange: (event) => setPositive(name, event.currentTarget.value) }));
  const [layout, up] = [choice("Joints", [AS_INDEX, ...accepted.layouts], set("layout")), choice("Up", [AS_INDEX, ...accepted.up], set("up"))];
  const upright = choice("Stance", [AS_INDEX, ["true", "by trunk and shoulders"]], set("upright"));
  layout.set(conventions.layout ?? "");
  up.set(conventions.up ?? "");
  upright.set(conventions.upright ?? "");
  const missing = h("input", {
    type: "text", placeholder: "usual marks", title: "nan, zero, numbers (with commas), or interpolate", autocomplete: "off", spellcheck: "false",
    value: conventions.missing ?? "", oninput: (event) => set("missing")(event.currentTarget.value.trim()),
  });
  return h(
    "details", { class: "kinds" }, h("summary", {}, "How a file is read"),
    h(
      "div", { class: "pair" },
      layout, up, typed("Frames a second", "fps", "the index's"), typed("Metres a unit", "scale", "the index's"),
      upright, h("label", { class: "field" }, h("span", {}, "Not seen"), missing),
    ),
  );
}

/** @typedef {{ found: Server.Clip[], at: number, asked: AbortController | null, turn: number, hurried: boolean }} State */

/**
 * A box to type part of a name or an action; the clips found are offered beneath.
 * @param {() => string} index
 * @param {(word: string, row: Server.Clip | null) => void} onPick
 * @param {{ value?: string, label?: string, id?: string }} [options]
 */
export function clipBox(index, onPick, { value = "", label = "Clip of the corpus", id = "clip" } = {}) {
  const list = h("ul", { role: "listbox", id: `${id}-list`, class: "offers", hidden: true, "aria-label": label });
  const input = h("input", {
    type: "search", id, value, placeholder: "name or action …", autocomplete: "off", spellcheck: "false", role: "combobox",
    "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list", "aria-label": label,
  });
  const box = h("div", { class: "clip-box" }, input, list);
  /** @type {State} */
  const state = { found: [], at: -1, asked: null, turn: 0, hurried: false };
  /** @param {boolean} open */
  const show = (open) => {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
  };
  /** @param {Server.Clip} row */
  const choose = (row) => {
    state.turn++;
    show(false);
    input.value = clipName(row);
    remember([row]);
    onPick(clipName(row), row);
  };
  /** @param {number} at */
  const mark = (at) => {
    state.at = at;
    for (const [i, one] of [...list.children].entries()) one.setAttribute("aria-selected", String(i === at));
    input.setAttribute("aria-activedescendant", at >= 0 ? `${id}-${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const look = settled(async (/** @type {number} */ turn) => {
    if (turn !== state.turn) return;
    state.asked?.abort();
    state.asked = new AbortController();
    try {
      const text = input.value.includes(":") ? input.value.slice(input.value.indexOf(":") + 1) : input.value;
      const answer = await api.clips(index(), { text: text.trim(), limit: SUGGESTIONS }, { signal: state.asked.signal });
      if (turn !== state.turn) return;
      offer(list, answer, id, choose);
      state.found = answer.clips;
      mark(-1);
      show(true);
      if (state.hurried) pick(state, input, choose, onPick);
      state.hurried = false;
    } catch (error) {
      if (isAbort(error)) return;
      fill(list, h("li", { class: "none" }, asError(error).message));
      show(true);
    }
  }, 120);
  const anew = () => {
    state.found = []; // what was offered for other letters is offered no more
    state.hurried = false;
    mark(-1);
    show(false);
    look(++state.turn);
  };
  input.addEventListener("input", anew);
  input.addEventListener("focus", () => {
    input.select();
    anew();
  });
  box.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && box.contains(event.relatedTarget)) return;
    state.turn++;
    show(false);
  });
  input.addEventListener("keydown", (event) => {
    const n = state.found.length;
    if (event.key === "ArrowDown" && n) mark((state.at + 1) % n);
    else if (event.key === "ArrowUp" && n) mark((state.at - 1 + n) % n);
    else if (event.key === "Enter") state.hurried = !pick(state, input, choose, onPick);
    else if (event.key === "Escape" && !list.hidden) show(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return Object.assign(box, { input });
}

/**
 * The clip marked, else the first offered, else the name as typed; false where none is offered yet.
 * @param {State} state
 * @param {HTMLInputElement} input
 * @param {(row: Server.Clip) => void} choose
 * @param {(word: string, row: null) => void} onPick
 */
function pick(state, input, choose, onPick) {
  const row = state.found.at(Math.max(0, state.at));
  const typed = input.value.trim();
  const named = typed.includes(":") && state.at < 0 && (!row || clipName(row) !== typed);
  if (named) onPick(typed, null);
  else if (row) choose(row);
  return named || Boolean(row);
}

/**
 * @param {HTMLElement} list
 * @param {Server.Clips} answer
 * @param {string} id
 * @param {(row: Server.Clip) => void} choose
 */
function offer(list, answer, id, choose) {
  const items = answer.clips.map((row, i) =>
    h(
      "li", { role: "option", id: `${id}-${i}`, "aria-selected": "false", onpointerdown: (event) => event.preventDefault(), onclick: () => choose(row) },
      h("span", { class: "action" }, row.action ?? row.name), h("span", { class: "quiet" }, [row.name, ...facts(row)].join(" · ")),
    ),
  );
  const more = answer.total - answer.clips.length;
  fill(list, items.length ? items : h("li", { class: "none" }, "No clip of this index is called so."), more > 0 && h("li", { class: "none" }, `and ${more.toLocaleString("en")} more`));
}

/**
 * Some clip of the index.
 * @param {string} index
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function anyClip(index, options) {
  const { total } = await api.clips(index, { limit: 1 }, options);
  if (!total) return null;
  const { clips } = await api.clips(index, { offset: Math.floor(Math.random() * total), limit: 1 }, options);
  remember(clips);
  return clips[0];
}
