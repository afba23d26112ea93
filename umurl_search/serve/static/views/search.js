/** Search: a clip, how it asks, filters; the results as skeletons in step with it. */

import { changed, current, go, hashOf, whereOf } from "../address.js";
import { api, asError, isAbort } from "../api.js";
import { announceHits, cardGrid, cardsIn, focusCard } from "../card.js";
import { choice, modalityChips, number, tick } from "../controls.js";
import { around, fill, h } from "../dom.js";
import { filterPanel } from "../filters.js";
import { clipName, isItself, millis, plural, verdict } from "../format.js";
import { look } from "../look.js";
import { anyClip, clipBox, dropZone, fileKinds } from "../picker.js";
import { clear, restart } from "../player.js";
import { kinder, queryCard, titleOf, uploadToken, urlOf } from "../queryclip.js";
import { anew, indexFor, indexInfo, remember, take } from "../shelf.js";
import { empty, failure, loading } from "../states.js";
import { transport } from "../transport.js";

export const title = "Search";
const K = 20;
const EXAMPLES = 10;
const ODD_STEP = 3;
export const BASE = ["fused", "joint", "bone", "motion"];

/**
 * @typedef {object} View
 * @property {AbortSignal} signal
 * @property {string} index
 * @property {AbortController | null} asked
 * @property {string | null} mark  of what is shown or asked for
 * @property {(changes: Page.Changes) => void} change
 * @property {Page.OnSearch} search
 * @property {ReturnType<typeof clipBox>} box
 * @property {ReturnType<typeof controlsOf>} controls
 * @property {ReturnType<typeof filterPanel>} filters
 * @property {HTMLElement} main
 * @property {ReturnType<typeof transport>} bar
 */

/**
 * What an address asks for, as the server takes it.
 * @param {URLSearchParams} params
 * @param {string} index
 */
export function requestOf(params, index) {
  const modality = params.get("modality") || "fused";
  return {
    clip: params.get("clip"),
    index,
    modality,
    against: params.get("against") || "fused",
    k: Math.max(1, Math.min(500, Number(params.get("k")) || K)),
    where: whereOf(params),
    exclude_same_performance: params.get("others") === "1",
    bridge: params.get("bridge") !== "0",
  };
}

/** @type {Page.View["mount"]} */
export function mount(root, { signal }) {
  /** @param {Page.Changes} changes */
  const change = (changes) => go("search", changed(current().params, changes));
  /** @param {string} word @param {Page.Row | null} row */
  const search = (word, row) => {
    if (row) remember([row]);
    change({ clip: word });
    window.scrollTo({ top: 0 });
  };
  /** @type {View} */
  const view = {
    signal, index: "", asked: null, mark: null, change, search,
    box: clipBox(() => view.index, search),
    controls: controlsOf(change),
    filters: filterPanel(change),
    main: h("div", { class: "results" }),
    bar: transport(sizes()),
  };
  /** @param {File[]} files */
  const dropped = (files) => takeFiles(view, files);
  build(root, view, dropped);
  return {
    update: (params) => update(view, params),
    files: dropped,
    leave: () => view.bar.stop(),
    key: (event) => walkIn(view, event),
  };
}

/** @param {(changes: Page.Changes) => void} change */
function controlsOf(change) {
  return {
    modality: modalityChips((value) => change({ modality: value === "fused" ? null : value })),
    against: choice("Against", BASE, (value) => change({ against: value === "fused" ? null : value }), { title: "The modality of the gallery" }),
    k: number("Results", { min: 1, max: 500, onChange: (value) => change({ k: Number(value) === K ? null : value }) }),
    others: tick("Not the same performance", (on) => change({ others: on ? "1" : null }), { title: "Leave out clips of the query's own performance, whatever the camera" }),
    bridge: tick("Bridge between modalities", (on) => change({ bridge: on ? null : "0" }), { title: "Map a query of another modality into the gallery's; off: compare raw embeddings" }),
  };
}

/**
 * @param {HTMLElement} root
 * @param {View} view
 * @param {(files: File[]) => void} dropped
 */
function build(root, view, dropped) {
  const chance = h("button", { type: "button", class: "plain", title: "Some clip of this index", onclick: async () => {
    const row = await anyClip(view.index);
    if (row) view.search(clipName(row), row);
  } }, "Any clip");
  const c = view.controls;
  fill(
    root,
    h(
      "div", { class: "split" },
      h(
        "aside", { class: "side" },
        dropZone(dropped), fileKinds(),
        h("div", { class: "line pick" }, view.box, chance),
        h("details", { class: "asking", open: !narrow() }, h("summary", {}, "How to ask"), h("span", { class: "label" }, "Query by"), c.modality, h("div", { class: "pair" }, c.against, c.k), c.others, c.bridge),
        h("details", { class: "asking filters-fold", open: !narrow() }, h("summary", {}, "Filters"), view.filters),
      ),
      view.main,
    ),
    view.bar,
  );
}

const narrow = () => window.matchMedia("(max-width: 760px)").matches;

/** Small, middle or large cards. */
function sizes() {
  const select = h("select", { "aria-label": "Size of the cards", title: "Size of the cards" }, ["S", "M", "L"].map((one) => h("option", { value: one }, `size ${one}`)));
  select.value = document.documentElement.dataset.cards ?? "M";
  select.addEventListener("change", () => {
    document.documentElement.dataset.cards = select.value;
  });
  return select;
}

/**
 * @param {View} view
 * @param {URLSearchParams} params
 */
async function update(view, params) {
  const index = await indexFor(params);
  if (view.signal.aborted) return;
  const request = requestOf(params, index);
  showControls(view, request);
  view.filters.show(index, params, view).catch((error) => failed(view, error));
  const { clip } = request;
  if (clip) await ask(view, { ...request, clip });
  else await showExamples(view, index);
}

/**
 * @param {View} view
 * @param {ReturnType<typeof requestOf>} request
 */
function showControls(view, request) {
  const { modality, against, k, others, bridge } = view.controls;
  view.box.input.value = request.clip && !uploadToken(request.clip) ? request.clip : "";
  modality.set(request.modality);
  against.set(request.against);
  k.set(request.k);
  others.set(request.exclude_same_performance);
  bridge.set(request.bridge);
  bridge.hidden = request.modality === request.against;
  if (view.index === request.index) return;
  view.index = request.index;
  indexInfo(request.index).then((info) => {
    against.offer([...new Set([...BASE, ...info.modalities])].filter((one) => info.modalities.includes(one)));
    against.set(request.against);
  }, () => {});
}

/**
 * @param {View} view
 * @param {File[]} files
 */
async function takeFiles(view, files) {
  clear();
  fill(view.main, loading(`Reading ${files[0]?.name ?? "files"} …`));
  try {
    const told = await take(files, { index: view.index });
    if (view.signal.aborted) return;
    view.change({ clip: `upload:${told.token}` });
  } catch (error) {
    if (!view.signal.aborted) fill(view.main, failure(error));
    view.mark = null;
  }
}

/**
 * @param {View} view
 * @param {Page.Request} request
 */
async function ask(view, request) {
  const mark = JSON.stringify(request);
  if (view.mark === mark) return;
  view.asked?.abort();
  view.asked = new AbortController();
  const { signal } = view.asked;
  view.mark = mark;
  view.main.classList.add("stale");
  const slow = setTimeout(() => {
    if (!signal.aborted && view.mark === mark && !view.main.firstChild) fill(view.main, loading("Searching …"));
  }, 150);
  try {
    const document = await api.query(request, { signal, onWait: (why) => fill(view.main, loading(why)) });
    const url = await urlOf(request.clip, document.query);
    if (signal.aborted || view.signal.aborted) return;
    showAnswer(view, request, document, url);
  } catch (error) {
    if (view.mark === mark && !isAbort(error)) view.mark = null;
    if (!signal.aborted) failed(view, kinder(error, request.clip));
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) view.main.classList.remove("stale");
  }
}

/**
 * @param {View} view
 * @param {unknown} error
 */
function failed(view, error) {
  if (view.signal.aborted || isAbort(error)) return;
  clear();
  fill(view.main, failure(error, h("div", { class: "ways" }, ways(view, error))));
  view.mark = null;
}

/** @param {View} view */
async function beginAnew(view) {
  view.change(await anew(current().params, { clip: null, where: null, modality: null }));
}

/**
 * @param {View} view
 * @param {unknown} error
 */
function ways(view, error) {
  /** @type {(changes: Page.Changes, words: string) => HTMLElement} */
  const button = (changes, words) => h("button", { type: "button", onclick: () => view.change(changes) }, words);
  return [
    asError(error).message.startsWith("no bridge") && button({ bridge: "0" }, "Compare raw embeddings"),
    current().params.get("where") && button({ where: null }, "Without the filter in SQL"),
    h("button", { type: "button", onclick: () => beginAnew(view) }, "Begin anew"),
  ];
}

/**
 * @param {View} view
 * @param {Page.Request} request
 * @param {Server.QueryAnswer} document
 * @param {string | null} url
 */
function showAnswer(view, request, document, url) {
  clear();
  remember(document.hits.filter((hit) => hit.start_frame === undefined));
  const { query } = document;
  const card = queryCard(request.clip, url, query, { ways: waysOn(request) });
  const large = url === null ? null : { url, title: query.action ?? titleOf(request.clip, query), note: `Query · ${titleOf(request.clip, query)}` };
  const grid = cardGrid(
    document.hits,
    (hit) => ({ verdict: verdict(query, hit), note: isItself(query, hit) ? "the query itself" : null, onSearch: view.search, onLook: (row) => look(row, large, { onSearch: view.search }) }),
    { label: "Results, best first" },
  );
  fill(view.main, h("div", { class: "head" }, card, summary(document, query)), document.hits.length ? grid : nothingFound(view, document));
  announceHits(document.hits);
  restart();
}

/**
 * The same clip in other views.
 * @param {Page.Request} request
 */
function waysOn(request) {
  const kept = new URLSearchParams({ index: request.index, clip: request.clip });
  /** @type {(view: string, words: string) => HTMLElement} */
  const link = (view, words) => h("a", { href: hashOf(view, kept) }, words);
  return [link("compare", "Compare modalities"), link("timeline", "Find it in a recording")];
}

/**
 * @param {Server.QueryAnswer} document
 * @param {Server.AskedClip} query
 */
function summary(document, query) {
  const { hits, index, seconds } = document;
  const judged = hits.map((hit) => verdict(query, hit)).filter(Boolean);
  const right = judged.filter((one) => one === "right").length;
  const what = index.window_s ? "window" : "clip";
  const passing = query.where ? `the ${plural(index.passing, what)} that pass the filters` : `all ${plural(index.passing, what)}`;
  return h(
    "div", { class: "summary" },
    h("p", {}, h("strong", {}, plural(hits.length, index.window_s ? "moment" : "result")), ` from ${passing}`),
    judged.length > 0 && h("p", {}, h("span", { class: "share" }, gauge(right / judged.length)), `${right} of ${judged.length} do the query's action`),
    h("p", { class: "quiet" }, `${query.modality} → ${index.against}${index.bridge ? ", over a bridge" : ""}; ${index.kind} index, transform ${index.transform}`),
    h("p", { class: "quiet" }, `answered in ${millis(seconds.total)} (embedding ${millis(seconds.embed)}, search ${millis(seconds.search)})`),
  );
}

/** @param {number} share */
function gauge(share) {
  return h("span", { class: "gauge", role: "img", "aria-label": `${Math.round(100 * share)} %` }, h("span", { style: { width: `${100 * share}%` } }));
}

/**
 * @param {View} view
 * @param {Server.QueryAnswer} document
 */
function nothingFound(view, document) {
  const filtered = Boolean(document.query.where);
  const text = filtered ? "No clip passes these filters." : "The index gave no result.";
  const clearing = h("button", { type: "button", onclick: () => view.filters.querySelector("button")?.click() }, "Clear the filters");
  return empty("Nothing found.", text, { ways: filtered ? [clearing] : [] });
}

/**
 * @param {View} view
 * @param {string} index
 */
async function showExamples(view, index) {
  const mark = `examples ${index} ${whereOf(current().params)}`;
  if (view.mark === mark) return;
  view.mark = mark;
  clear();
  fill(view.main, loading());
  try {
    const answer = await examples(index, whereOf(current().params), view.signal);
    if (view.mark !== mark || view.signal.aborted) return;
    remember(answer.clips);
    const cards = cardGrid(answer.clips, { onSearch: view.search, onLook: (row) => look(row, null, { onSearch: view.search }) }, { label: "Some clips to begin with" });
    fill(
      view.main,
      h("div", { class: "intro" }, h("h1", {}, "Find motion by example"), h("p", {}, `Drop a recording of somebody moving, or begin with one of the ${plural(answer.total, "clip")} here. What comes back moves most like it.`)),
      cards,
    );
    restart();
  } catch (error) {
    failed(view, error);
  }
}

/**
 * Clips from all over the index. The odd step keeps names that run through the actions from giving one of them.
 * @param {string} index
 * @param {string | null} where
 * @param {AbortSignal} signal
 */
async function examples(index, where, signal) {
  const { total } = await api.clips(index, { where, limit: 1 }, { signal });
  const n = Math.min(EXAMPLES, total);
  const offsets = Array.from({ length: n }, (_, i) => (Math.floor((total * i) / n) + ODD_STEP * i) % total);
  const answers = await Promise.all([...new Set(offsets)].map((offset) => api.clips(index, { where, offset, limit: 1 }, { signal })));
  return { total, clips: answers.flatMap((answer) => answer.clips) };
}

/**
 * An arrow pressed with the focus nowhere goes to the first result.
 * @param {View} view
 * @param {KeyboardEvent} event
 */
function walkIn(view, event) {
  if (!event.key.startsWith("Arrow") || around(event, ".card, input")) return false;
  const cards = cardsIn(view.main);
  if (!cards.length) return false;
  focusCard(cards, 0);
  return true;
}
