/** A clip as a card: its skeleton, what it is, and what can be done with it. */

import { around, h, say } from "./dom.js";
import { actionOf, clipId, clipName, clipWord, facts, score } from "./format.js";
import { framesUrl } from "./motion.js";
import { draggable } from "./orbit.js";
import { Figure } from "./player.js";

/** @type {Record<Page.Verdict, [string, string]>} */
const MARKS = { right: ["✓", "same action as the query"], wrong: ["✕", "another action than the query's"] };

/**
 * A canvas in a box, that plays the motion at `url`; says so when there is none.
 * @param {string} url
 * @param {{ label: string, onPress?: (() => void) | null, onLoad?: (motion: Page.Motion) => void, own?: (() => number) | null }} options
 * @returns {Page.Stage}
 */
export function stage(url, { label, onPress = null, onLoad = () => {}, own = null }) {
  const canvas = h("canvas", { role: "img", "aria-label": `Skeleton: ${label}` });
  const box = h("div", { class: "stage waiting" }, canvas);
  const figure = new Figure(canvas, url, {
    own,
    onLoad: (motion) => {
      box.classList.remove("waiting");
      onLoad(motion);
    },
    onError: (error) => {
      box.classList.remove("waiting");
      box.append(h("p", { class: "broken" }, error.message));
    },
  });
  draggable(canvas, onPress);
  return Object.assign(box, { figure });
}

const LONG = 600;
const BEGINNING = 300;

/**
 * Where the frames of a hit or clip are: of a moment, its own stretch; of a long recording, its beginning.
 * @param {Page.Row} row
 */
export function rowUrl(row) {
  if (row.start_frame === undefined && row.frames > LONG) return framesUrl({ id: clipId(row), start: 0, stop: BEGINNING });
  return framesUrl({ id: clipId(row), start: row.start_frame, stop: row.stop_frame });
}

/**
 * `verdict`: "right", "wrong" or null. `onSearch(word, row)`: search with it. `onLook(row)`: see it large.
 * @param {Page.Row} row
 * @param {Page.CardOptions} options
 */
export function clipCard(row, { verdict = null, onSearch, onLook = null, note = null, tag = "li" }) {
  const action = actionOf(row);
  const box = stage(rowUrl(row), { label: `${action}, ${row.name}`, onPress: onLook && (() => onLook(row)) });
  if (row.rank) box.append(h("span", { class: "rank" }, row.rank));
  if (verdict) {
    const [mark, words] = MARKS[verdict];
    box.append(h("span", { class: "mark", title: words }, mark, h("span", { class: "unseen" }, words)));
  }
  const search = h("button", { type: "button", class: "again", tabindex: -1, onclick: () => onSearch(clipWord(row), row) }, "Search with it");
  /** @type {HTMLElement} */
  const card = h(
    tag, { class: `card ${verdict ?? ""}`, tabindex: -1, "data-clip": clipName(row), "aria-label": spoken(row, verdict) },
    box,
    h(
      "div", { class: "about" },
      h("div", { class: "line" }, h("strong", { class: "action", title: action }, action), row.score !== undefined && h("span", { class: "score", title: "Cosine; higher is more alike" }, score(row.score))),
      h("div", { class: "name", title: clipName(row) }, row.name),
      h("div", { class: "facts" }, facts(row).join(" · ")),
      note && h("div", { class: "facts" }, note),
      search,
    ),
  );
  card.addEventListener("keydown", (event) => {
    if (event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") onSearch(clipWord(row), row);
    else if (event.key === "v" && onLook) onLook(row);
    else return;
    event.preventDefault();
  });
  return card;
}

/**
 * @param {Page.Row} row
 * @param {Page.Verdict | null} verdict
 */
function spoken(row, verdict) {
  const rank = row.rank ? `Result ${row.rank}: ` : "";
  return `${rank}${actionOf(row)}, ${row.name}${verdict ? `, ${MARKS[verdict][1]}` : ""}`;
}

/**
 * Arrows walk through a grid of cards; one of them is in the order of Tab.
 * @param {HTMLElement} grid
 */
export function walkable(grid) {
  const cards = () => cardsIn(grid);
  const first = cards()[0];
  if (first) first.tabIndex = 0;
  grid.addEventListener("keydown", (event) => {
    const all = cards();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(all), ArrowUp: -columns(all), Home: -at, End: all.length - 1 - at };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    focusCard(all, Math.max(0, Math.min(all.length - 1, at + step)));
  });
  grid.addEventListener("focusin", (event) => {
    const card = around(event, ".card");
    for (const one of cards()) one.tabIndex = one === card ? 0 : -1;
  });
  return grid;
}

/** @type {(root: HTMLElement) => HTMLElement[]} */
export const cardsIn = (root) => Array.from(root.querySelectorAll(".card"));

/**
 * @param {HTMLElement[]} cards
 * @param {number} at
 */
export function focusCard(cards, at) {
  cards[at]?.focus();
  cards[at]?.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLElement[]} cards */
function columns(cards) {
  const top = cards[0].offsetTop;
  const n = cards.findIndex((card) => card.offsetTop > top + 4);
  return n < 0 ? cards.length : n;
}

/**
 * A list of cards.
 * @param {Page.Row[]} rows
 * @param {Page.CardOptions | ((row: Page.Row) => Page.CardOptions)} options
 * @param {{ label?: string }} [shown]
 */
export function cardGrid(rows, options, { label = "Clips" } = {}) {
  const cards = rows.map((row) => clipCard(row, typeof options === "function" ? options(row) : options));
  return walkable(h("ol", { class: "cards", "aria-label": label }, cards));
}

/**
 * The same clip wherever it is shown, lit while one of them is pointed at.
 * @param {HTMLElement} root
 */
export function twins(root) {
  /** @type {(name: string | undefined, on: boolean) => void} */
  const light = (name, on) => {
    for (const card of cardsIn(root)) card.classList.toggle("twin", on && card.dataset.clip === name);
  };
  root.addEventListener("pointerover", (event) => {
    const card = around(event, ".card");
    light(card?.dataset.clip, Boolean(card));
  });
  root.addEventListener("pointerleave", () => light("", false));
}

/** @param {Page.Row[]} hits */
export function announceHits(hits) {
  say(hits.length ? `${hits.length} results; the best: ${actionOf(hits[0])}, ${hits[0].name}` : "No results");
}
