/** Compare: the same query as joint, bone, motion and fused, side by side. */

import { changed, current, go, hashOf, whereOf } from "../address.js";
import { api, isAbort } from "../api.js";
import { clipCard, twins, walkable } from "../card.js";
import { choice, number, tick } from "../controls.js";
import { fill, h } from "../dom.js";
import { clipId, clipName, isItself, percent, verdict } from "../format.js";
import { look } from "../look.js";
import { anyClip, clipBox, dropZone } from "../picker.js";
import { clear, restart } from "../player.js";
import { kinder, queryCard, titleOf, uploadToken, urlOf } from "../queryclip.js";
import { anew, indexFor, remember, take } from "../shelf.js";
import { empty, failure, loading } from "../states.js";
import { transport } from "../transport.js";
import { BASE } from "./search.js";

export const title = "Compare";
const K = 6;
const NAMES = ["joint", "bone", "motion", "fused"];

/**
 * @typedef {object} View
 * @property {AbortSignal} signal
 * @property {string} index
 * @property {string | null} mark  of what is shown or asked for
 * @property {(changes: Page.Changes) => void} change
 * @property {Page.OnSearch} search
 * @property {(files: File[]) => Promise<void>} dropped
 * @property {ReturnType<typeof clipBox>} box
 * @property {{ against: ReturnType<typeof choice>, k: ReturnType<typeof number>, others: ReturnType<typeof tick> }} controls
 * @property {HTMLElement} main
 * @property {ReturnType<typeof transport>} bar
 */

/** @type {Page.View["mount"]} */
export function mount(root, { signal }) {
  /** @param {Page.Changes} changes */
  const change = (changes) => go("compare", changed(current().params, changes));
  /** @param {string} word @param {Page.Row | null} row */
  const search = (word, row) => {
    if (row) remember([row]);
    change({ clip: word });
  };
  /** @type {View} */
  const view = {
    signal, index: "", mark: null, change, search,
    dropped: (files) => takeFiles(view, files),
    box: clipBox(() => view.index, search),
    controls: controlsOf(change),
    main: h("div", { class: "results" }),
    bar: transport(),
  };
  const { box, controls, main, bar } = view;
  const chance = h("button", { type: "button", class: "plain", onclick: async () => {
    const row = await anyClip(view.index);
    if (row) search(clipName(row), row);
  } }, "Any clip");
  fill(root, h("div", { class: "strip" }, h("div", { class: "field grow" }, h("span", {}, "Query: a clip, DATASET:NAME, or drop a file"), h("div", { class: "line pick" }, box, chance)), controls.against, controls.k, controls.others), main, bar);
  return {
    update: (params) => update(view, params),
    files: view.dropped,
    leave: () => bar.stop(),
  };
}

/** @param {(changes: Page.Changes) => void} change */
function controlsOf(change) {
  return {
    against: choice("Against", [["own", "the same"], ...BASE], (value) => change({ against: value === "own" ? null : value })),
    k: number("Results each", { min: 1, max: 50, onChange: (value) => change({ k: Number(value) === K ? null : value }) }),
    others: tick("Not the same performance", (on) => change({ others: on ? "1" : null })),
  };
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
    if (!view.signal.aborted) view.change({ clip: `upload:${told.token}` });
  } catch (error) {
    view.mark = null;
    if (!view.signal.aborted) fill(view.main, failure(error));
  }
}

/**
 * @param {View} view
 * @param {URLSearchParams} params
 */
async function update(view, params) {
  view.index = await indexFor(params);
  if (view.signal.aborted) return;
  const clip = params.get("clip");
  const against = params.get("against");
  view.box.input.value = clip && !uploadToken(clip) ? clip : "";
  view.controls.against.set(against ?? "own");
  view.controls.k.set(Number(params.get("k")) || K);
  view.controls.others.set(params.get("others") === "1");
  if (!clip) {
    view.mark = null;
    clear();
    fill(view.main, empty("No query yet.", "Choose a clip, or drop a file: it is asked once by each modality.", { ways: [dropZone(view.dropped)] }));
    return;
  }
  const request = {
    clip, index: view.index, k: Math.max(1, Math.min(50, Number(params.get("k")) || K)), where: whereOf(params),
    exclude_same_performance: params.get("others") === "1", bridge: true,
  };
  await ask(view, request, against);
}

/**
 * @param {View} view
 * @param {Page.Request} request
 * @param {string | null} against
 */
async function ask(view, request, against) {
  const mark = JSON.stringify([request, against]);
  if (mark === view.mark) return;
  view.mark = mark;
  view.main.classList.add("stale");
  if (!view.main.firstChild) fill(view.main, loading("Asking four times …"));
  const requests = NAMES.map((name) => ({ ...request, modality: name, against: against ?? name }));
  try {
    const answers = await Promise.all(requests.map((one) => api.query(one, { signal: view.signal })));
    const url = await urlOf(request.clip, answers[0].query);
    if (view.mark === mark && !view.signal.aborted) show(view, request, answers, url);
  } catch (error) {
    if (view.mark !== mark || view.signal.aborted || isAbort(error)) return;
    view.mark = null;
    clear();
    fill(view.main, failure(kinder(error, request.clip), h("button", { type: "button", onclick: async () => view.change(await anew(current().params, { clip: null })) }, "Begin anew")));
  } finally {
    if (view.mark === mark || !view.mark) view.main.classList.remove("stale");
  }
}

/**
 * @param {View} view
 * @param {Page.Request} request
 * @param {Server.QueryAnswer[]} answers
 * @param {string | null} url
 */
function show(view, request, answers, url) {
  clear();
  const { query } = answers[0];
  for (const answer of answers) remember(answer.hits.filter((hit) => hit.start_frame === undefined));
  const card = queryCard(request.clip, url, query, { ways: [h("a", { href: hashOf("search", new URLSearchParams({ index: request.index, clip: request.clip })) }, "Search with it")] });
  const large = url === null ? null : { url, title: query.action ?? titleOf(request.clip, query), note: `Query · ${titleOf(request.clip, query)}` };
  const foundBy = votes(answers);
  const grid = h("div", { class: "columns" }, answers.map((answer, i) => column(view, answer, NAMES[i], query, foundBy, large)));
  twins(grid);
  fill(view.main, h("div", { class: "head" }, card, verdicts(answers, query, foundBy)), grid);
  restart();
}

/** @param {Page.Row} hit */
const key = (hit) => `${clipId(hit)} ${hit.start_frame ?? ""}`;

/**
 * How many of the modalities found each clip.
 * @param {Server.QueryAnswer[]} answers
 */
function votes(answers) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const answer of answers) for (const hit of answer.hits) found.set(key(hit), (found.get(key(hit)) ?? 0) + 1);
  return found;
}

/**
 * @param {View} view
 * @param {Server.QueryAnswer} answer
 * @param {string} name
 * @param {Server.AskedClip} query
 * @param {Map<string, number>} foundBy
 * @param {Page.Large | null} large
 */
function column(view, answer, name, query, foundBy, large) {
  const judged = answer.hits.map((hit) => verdict(query, hit)).filter(Boolean);
  const right = judged.filter((one) => one === "right").length;
  const cards = answer.hits.map((hit) =>
    clipCard(hit, {
      verdict: verdict(query, hit), onSearch: view.search, onLook: (row) => look(row, large, { onSearch: view.search }),
      note: isItself(query, hit) ? "the query itself" : `found by ${foundBy.get(key(hit))} of ${NAMES.length}`,
    }),
  );
  const link = hashOf("search", changed(current().params, { modality: name === "fused" ? null : name, against: answer.index.against === "fused" ? null : answer.index.against, k: null }));
  return h(
    "section", { class: "column", "aria-label": `By ${name}` },
    h("h2", {}, h("a", { href: link, title: "Search this way" }, name), h("span", { class: "quiet" }, judged.length ? `${right} of ${judged.length} right` : `against ${answer.index.against}`)),
    walkable(h("ol", { class: "cards stack" }, cards)),
  );
}

/**
 * @param {Server.QueryAnswer[]} answers
 * @param {Server.AskedClip} query
 * @param {Map<string, number>} foundBy
 */
function verdicts(answers, query, foundBy) {
  const all = [...foundBy.values()];
  const shared = all.filter((n) => n === NAMES.length).length;
  const rows = answers.map((answer, i) => {
    const judged = answer.hits.map((hit) => verdict(query, hit)).filter(Boolean);
    const right = judged.filter((one) => one === "right").length;
    const best = answer.hits[0];
    return h("tr", {}, h("th", { scope: "row" }, NAMES[i]), h("td", {}, answer.index.against), h("td", { class: "num" }, judged.length ? percent(right / judged.length) : "–"), h("td", { class: "num" }, best ? best.score.toFixed(3) : "–"));
  });
  return h(
    "div", { class: "summary" },
    h("table", {}, h("thead", {}, h("tr", {}, ["query by", "against", "right", "best score"].map((text, i) => h("th", { scope: "col", class: i > 1 ? "num" : "" }, text)))), h("tbody", {}, rows)),
    h("p", { class: "quiet" }, `${all.length} different results; ${shared} found by all four. Scores of different modalities are not comparable.`),
  );
}
