/** Evaluate: how good retrieval is under a protocol; per class, what is taken for what, the hardest queries. */

import { changed, current, go, hashOf } from "../address.js";
import { api, isAbort, job } from "../api.js";
import { clipCard } from "../card.js";
import { ConfusionMatrix } from "../confusion.js";
import { choice, tick } from "../controls.js";
import { fill, h } from "../dom.js";
import { count, percent, plural, score, seconds } from "../format.js";
import { clear, restart } from "../player.js";
import { accepted, indexFor, indexInfo, remember, tryAgain } from "../shelf.js";
import { empty, failure, progress } from "../states.js";
import { transport } from "../transport.js";
import { BASE } from "./search.js";

export const title = "Evaluate";
const HARDEST = 12;
/** @type {[string, string]} */
const ALL_JOINTS = ["", "their own"];
const RANKED = 20_000; // larger indexes are ranked whole on request only

/**
 * What was evaluated, and where its confusion is drawn.
 * @typedef {object} Shown
 * @property {string} id
 * @property {Server.Evaluation} document
 * @property {HTMLElement} cells
 * @property {ConfusionMatrix} matrix
 */

/**
 * @typedef {object} View
 * @property {AbortSignal} signal
 * @property {(changes: Page.Changes, options?: { replace?: boolean }) => void} change
 * @property {string | null} mark  of what is shown or asked for
 * @property {string | null} cell
 * @property {AbortController | null} asked
 * @property {Shown | null} shown
 * @property {ReturnType<typeof controlsOf>} controls
 * @property {HTMLElement} main
 * @property {ReturnType<typeof transport>} bar
 */

/** @typedef {{ index: string, protocol: string | null, query_modality: string, gallery_modality: string, bridge: boolean, exclude_same_performance: boolean, ranking: boolean, query_layout: string | null }} Request */

/** @type {Page.View["mount"]} */
export function mount(root, { signal }) {
  /** @type {View["change"]} */
  const change = (changes, options) => go("evaluate", changed(current().params, changes), options);
  /** @type {View} */
  const view = { signal, change, mark: null, cell: null, asked: null, shown: null, controls: controlsOf(change), main: h("div", { class: "figures" }), bar: transport() };
  view.bar.hidden = true;
  fill(root, h("div", { class: "strip" }, Object.values(view.controls)), view.main, view.bar);
  const redraw = () => view.shown?.matrix.draw();
  window.addEventListener("themechange", redraw);
  return {
    update: (params) => update(view, params),
    leave: () => {
      window.removeEventListener("themechange", redraw);
      view.asked?.abort();
      view.bar.stop();
    },
  };
}

/** @param {View["change"]} change */
function controlsOf(change) {
  return {
    protocol: choice("Protocol", [], (value) => change({ protocol: value, cell: null })),
    modality: choice("Query by", BASE, (value) => change({ modality: value === "fused" ? null : value, cell: null })),
    against: choice("Against", BASE, (value) => change({ against: value === "fused" ? null : value, cell: null })),
    joints: choice("With the joints of", [ALL_JOINTS, ...accepted.layouts], (value) => change({ joints: value || null, cell: null })),
    others: tick("Not the same performance", (on) => change({ others: on ? "1" : null, cell: null })),
    bridge: tick("Bridge", (on) => change({ bridge: on ? null : "0", cell: null })),
    ranking: tick("whole rankings", (on) => change({ ranking: on ? "1" : "0", cell: null }), { title: "Metrics such as mAP, which rank the whole gallery for every query and take longer" }),
  };
}

/**
 * @param {View} view
 * @param {URLSearchParams} params
 */
async function update(view, params) {
  const index = await indexFor(params);
  const info = await indexInfo(index);
  if (view.signal.aborted) return;
  const { protocols } = info;
  const request = {
    index, protocol: params.get("protocol") || protocols[0] || null, query_modality: params.get("modality") || "fused",
    gallery_modality: params.get("against") || "fused", bridge: params.get("bridge") !== "0", exclude_same_performance: params.get("others") === "1",
    query_layout: params.get("joints") || null,
    ranking: params.has("ranking") ? params.get("ranking") === "1" : info.clips <= RANKED,
  };
  const { protocol, modality, against, joints, others, bridge, ranking } = view.controls;
  joints.set(request.query_layout ?? "");
  protocol.offer(protocols);
  protocol.set(request.protocol);
  modality.set(request.query_modality);
  against.set(request.gallery_modality);
  others.set(request.exclude_same_performance);
  bridge.set(request.bridge);
  bridge.hidden = request.query_modality === request.gallery_modality && !request.query_layout;
  ranking.set(request.ranking);
  if (info.windowed || !protocols.length) {
    view.mark = null;
    fill(view.main, cannot(info));
    return;
  }
  await evaluated(view, request);
  if (view.shown) await openCell(view, view.shown, params.get("cell"));
}

/** @param {Server.IndexInfo} info */
function cannot(info) {
  if (info.windowed) return empty("This index holds windows of recordings.", "How well moments are found is measured by the command line.", { commands: [`umurl-search localize-eval --index ${info.name}`] });
  return empty("This dataset has no protocol.", "A protocol says which clips ask and which are searched; give one when reading the recordings.", { commands: [`umurl-search ingest ${info.dataset} --source FOLDER --splits splits.json`] });
}

/**
 * @param {View} view
 * @param {Request} request
 */
async function evaluated(view, request) {
  const mark = JSON.stringify(request);
  if (view.mark === mark) return;
  view.mark = mark;
  view.shown = null;
  view.cell = null;
  view.asked?.abort();
  view.asked = new AbortController();
  clear();
  view.bar.hidden = true;
  const waiting = progress(`Evaluating ${request.protocol} …`);
  fill(view.main, waiting);
  try {
    const state = await job("evaluations", request, { signal: view.asked.signal, onProgress: waiting.set });
    if (view.mark !== mark || view.signal.aborted) return;
    show(view, request, state);
  } catch (error) {
    if (view.mark !== mark || view.signal.aborted || isAbort(error)) return;
    view.mark = null;
    fill(view.main, failure(error, h("button", { type: "button", onclick: tryAgain }, "Try again")));
  }
}

/**
 * @param {View} view
 * @param {Request} request
 * @param {{ id: string, document: Server.Evaluation }} evaluated
 */
function show(view, request, { id, document }) {
  const cells = h("section", { class: "cells", hidden: true, "aria-label": "Queries of a cell" });
  const matrix = new ConfusionMatrix(document.classes, document.confusion, (row, column) => view.change({ cell: `${row}-${column}` }));
  view.shown = { id, document, cells, matrix };
  fill(
    view.main,
    headline(document),
    document.warnings.map((text) => h("p", { class: "warning" }, text)),
    h(
      "div", { class: "two" },
      h("div", {}, perClass(document), hardest(request, document)),
      h("div", {}, h("section", { class: "panel" }, h("h2", {}, "What is taken for what"), matrix.element, cells), matrixPanel(view, request)),
    ),
  );
  matrix.draw();
}

/** @param {Server.Evaluation} document */
function headline(document) {
  /** @type {(value: string, words: string, hint: string) => HTMLElement} */
  const figure = (value, words, hint) => h("div", { class: "figure", title: hint }, h("strong", {}, value), h("span", { class: "quiet" }, words));
  return h(
    "section", { class: "headline", "aria-label": "Figures" },
    figure(percent(document.accuracy), `${document.k}-NN accuracy`, "The share of queries whose nearest neighbours vote for their label"),
    figure(percent(document.recall_at["5"]), "R@5", "Some clip of the query's label among the first 5"),
    figure(percent(document.recall_at["10"]), "R@10", "Some clip of the query's label among the first 10"),
    ...document.metrics.map((one) => figure(one.value ?? "–", one.header, `${one.meaning}, over the whole gallery`)),
    document.query_layout && figure(percent(document.native_accuracy ?? 0), "with all joints", `The same queries with their own joints, not those of ${document.query_layout}`),
    h("p", { class: "quiet" }, `${document.dataset} ${document.protocol}: ${count(document.queries)} queries, gallery of ${count(document.gallery)}; ${document.query_modality} → ${document.gallery_modality}${document.bridge ? " over a bridge" : ""}${brought(document)}, transform ${document.transform}, encoder ${document.encoder}; ${seconds(document.seconds.total)}`),
  );
}

/**
 * What the queries were brought down to.
 * @param {Server.Evaluation} document
 */
const brought = (document) => (document.query_layout ? `, queries brought down to ${document.query_layout}${document.views ? `, seen from within ${document.views} degrees` : ""}` : "");

/** @type {[string, string][]} */
const ORDERS = [["worst", "worst first"], ["best", "best first"], ["label", "by label"], ["name", "by name"]];

/** @param {Server.Evaluation} document */
function perClass(document) {
  const list = h("ol", { class: "bars" });
  /** @param {Server.ClassAccuracy} one */
  const names = (one) => one.action ?? `label ${one.label}`;
  /** @type {Record<string, (a: Server.ClassAccuracy, b: Server.ClassAccuracy) => number>} */
  const orders = { worst: (a, b) => a.accuracy - b.accuracy, best: (a, b) => b.accuracy - a.accuracy, label: (a, b) => a.label - b.label, name: (a, b) => names(a).localeCompare(names(b)) };
  /** @param {string} order */
  const draw = (order) =>
    fill(
      list,
      [...document.per_class].sort(orders[order]).map((one) =>
        h(
          "li", { title: `${names(one)}: ${percent(one.accuracy)} of ${one.queries} queries` },
          h("span", { class: "what" }, names(one)), h("span", { class: "track" }, h("span", { class: "fill", style: { width: `${100 * one.accuracy}%` } })),
          h("span", { class: "num" }, percent(one.accuracy)),
        ),
      ),
    );
  const order = choice("Order", ORDERS, draw);
  draw("worst");
  return h("section", { class: "panel" }, h("div", { class: "line" }, h("h2", {}, "Accuracy per class"), order), list);
}

/**
 * @param {Request} request
 * @param {Server.Evaluation} document
 */
function hardest(request, document) {
  const body = h("tbody");
  const more = h("button", { type: "button", class: "plain", onclick: () => draw(document.hardest.length) }, "");
  /** @param {string} name */
  const link = (name) => hashOf("search", new URLSearchParams({ index: request.index, clip: `${document.dataset}:${name}`, modality: request.query_modality, against: request.gallery_modality }));
  /** @param {number} n */
  const draw = (n) => {
    const rows = document.hardest.slice(0, n);
    more.hidden = rows.length === document.hardest.length;
    more.textContent = `all ${document.hardest.length}`;
    fill(body, rows.map((one) => h("tr", {}, h("td", {}, h("a", { href: link(one.name) }, one.name)), h("td", {}, one.action), h("td", {}, one.found_action), h("td", { class: "num" }, score(one.score)))));
  };
  draw(HARDEST);
  const table = h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "query"), h("th", { scope: "col" }, "does"), h("th", { scope: "col" }, "taken for"), h("th", { scope: "col", class: "num" }, "score"))), body);
  return h("section", { class: "panel" }, h("h2", {}, "Hardest queries"), document.hardest.length ? h("div", { class: "scroll" }, table) : h("p", { class: "quiet" }, "None went wrong."), more);
}

/**
 * The clips of a cell, each query beside what was found for it.
 * @param {View} view
 * @param {Shown} shown
 * @param {string | null} cell
 */
async function openCell(view, shown, cell) {
  const { cells, document, matrix } = shown;
  if (cell === view.cell) return;
  view.cell = cell;
  const found = /^(\d+)-(\d+)$/.exec(cell ?? "");
  clear();
  view.bar.hidden = true;
  if (!found) {
    cells.hidden = true;
    matrix.mark(null);
    return;
  }
  const [row, column] = [Number(found[1]), Number(found[2])];
  const { classes } = document;
  matrix.mark([row, column]);
  cells.hidden = false;
  fill(cells, progress("Fetching its clips …"));
  try {
    const { pairs, total } = await api.cell(shown.id, row, column);
    if (view.cell !== cell || view.signal.aborted) return;
    showPairs(view, cells, { pairs, total }, `${classes[row]} → ${classes[column]}`, row === column);
    cells.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (view.cell === cell && !view.signal.aborted) fill(cells, failure(error));
  }
}

/**
 * @param {View} view
 * @param {HTMLElement} cells
 * @param {Server.Cell} found
 * @param {string} words
 * @param {boolean} right
 */
function showPairs(view, cells, { pairs, total }, words, right) {
  remember(pairs.flatMap((pair) => (pair.hit ? [pair.query, pair.hit] : [pair.query])));
  /** @type {Page.OnSearch} */
  const open = async (word, row) => {
    const index = await indexFor(current().params);
    remember([row]);
    go("search", new URLSearchParams({ index, clip: word }));
  };
  const items = pairs.map((pair) =>
    h(
      "li", { class: "pair-cards" },
      clipCard(pair.query, { onSearch: open, tag: "div", note: "query" }),
      pair.hit && clipCard({ ...pair.hit, score: pair.score }, { onSearch: open, tag: "div", verdict: right ? "right" : "wrong", note: "found" }),
    ),
  );
  const close = h("button", { type: "button", class: "plain", onclick: () => view.change({ cell: null }) }, "Close");
  fill(cells, h("div", { class: "line" }, h("h3", {}, words, h("span", { class: "quiet" }, ` ${plural(total, "query", "queries")}${total > pairs.length ? `, the first ${pairs.length}` : ""}`)), close), items.length ? h("ol", { class: "pairs" }, items) : h("p", { class: "quiet" }, "No query fell here."));
  view.bar.hidden = !items.length;
  restart();
}

/**
 * @param {View} view
 * @param {Request} request
 */
function matrixPanel(view, request) {
  const body = h("div", {});
  const run = h("button", { type: "button", onclick: () => measure() }, "Measure it");
  const measure = async () => {
    const waiting = progress("Every modality against every other …");
    fill(body, waiting);
    const { index, protocol, bridge, exclude_same_performance, query_layout } = request;
    try {
      const state = await job("matrices", { index, protocol, bridge, exclude_same_performance, query_layout }, { signal: view.asked?.signal, onProgress: waiting.set });
      if (!view.signal.aborted) fill(body, heatTable(state.document.matrix));
    } catch (error) {
      if (!view.signal.aborted && !isAbort(error)) fill(body, failure(error));
    }
    if (current().params.get("matrix") !== "1") view.change({ matrix: "1" }, { replace: true });
  };
  fill(body, h("p", { class: "quiet" }, "1-NN accuracy of every query modality against every gallery: sixteen evaluations."), run);
  if (current().params.get("matrix") === "1") measure();
  return h("section", { class: "panel" }, h("h2", {}, "Across modalities"), body);
}

/** @param {Server.Matrix["matrix"]} matrix */
function heatTable(matrix) {
  const names = Object.keys(matrix);
  const all = names.flatMap((one) => names.map((other) => matrix[one][other]));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  /** @param {number} value */
  const cell = (value) => {
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return h("td", { class: `heat ${share > 0.8 ? "strong" : ""}`, style: { "--share": `${Math.round(90 * share)}%` } }, percent(value));
  };
  return h(
    "div", { class: "scroll" },
    h(
      "table", { class: "heats" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "query \\ gallery"), names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, names.map((one) => h("tr", {}, h("th", { scope: "row" }, one), names.map((other) => cell(matrix[one][other]))))),
    ),
  );
}
