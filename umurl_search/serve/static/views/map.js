/** Map: the corpus in the plane, coloured by a column; pointing plays a clip, a click searches with it. */

import { changed, current, go, note } from "../address.js";
import { api, asError, isAbort, job } from "../api.js";
import { stage } from "../card.js";
import { choice } from "../controls.js";
import { around, fill, h, say, settled } from "../dom.js";
import { actionOf, clipName, count, facts, plural } from "../format.js";
import { framesUrl } from "../motion.js";
import { categories, css } from "../palette.js";
import { clear, restart } from "../player.js";
import { pointing } from "../pointing.js";
import { indexFor, indexInfo, remember, tryAgain } from "../shelf.js";
import { Scatter } from "../scatter.js";
import { failure, progress } from "../states.js";

export const title = "Map";
const LEGEND = 24;
const HOVER_MS = 70;
const STEP_PX = 60;
const NO_VALUE = 65535;
/** @type {[string, string][]} */
const METHODS = [["pca", "PCA"], ["umap", "UMAP"]];

/**
 * A map that stands: its points, and the clip of each.
 * @typedef {object} Stood
 * @property {string} id
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} peek
 * @property {Scatter} scatter
 * @property {Uint32Array} ids
 * @property {string[]} columns
 * @property {boolean} windowed
 * @property {number} peeked  the point whose clip is shown, -1 where none is
 */

/**
 * The column that colours the points: its values, which of them each point has, and how many points have each.
 * @typedef {object} Coloured
 * @property {(string | number)[]} values
 * @property {Uint16Array} codes
 * @property {Uint32Array} counts
 * @property {Set<number>} hidden
 */

/**
 * @typedef {object} View
 * @property {AbortSignal} signal
 * @property {(changes: Page.Changes) => void} change
 * @property {string | null} mark  of what is shown or asked for
 * @property {AbortController | null} asked
 * @property {Stood | null} stood
 * @property {string | null} by  the column asked for
 * @property {Coloured | null} coloured
 * @property {Map<number, Server.ClipInfo>} rows
 * @property {{ method: ReturnType<typeof choice>, by: ReturnType<typeof choice> }} controls
 * @property {HTMLElement} legend
 * @property {HTMLElement} told
 * @property {HTMLElement} main
 * @property {() => void} keep
 * @property {(at: number) => void} hover
 * @property {ResizeObserver} sized
 */

/** @type {Page.View["mount"]} */
export function mount(root, { signal }) {
  /** @param {Page.Changes} changes */
  const change = (changes) => go("map", changed(current().params, changes));
  /** @type {View} */
  const view = {
    signal, change, mark: null, asked: null, stood: null, by: null, coloured: null, rows: new Map(),
    controls: {
      method: choice("Layout", METHODS, (value) => change({ method: value === "pca" ? null : value, x: null, y: null, zoom: null })),
      by: choice("Colour by", ["action"], (value) => change({ by: value })),
    },
    legend: h("ul", { class: "legend", "aria-label": "Colours" }),
    told: h("p", { class: "quiet" }),
    main: h("div", { class: "map-box" }),
    keep: settled(() => keep(view), 250),
    hover: settled((at) => showClip(view, at), HOVER_MS),
    sized: new ResizeObserver(() => view.stood?.scatter.resize()),
  };
  const reset = h("button", { type: "button", class: "plain", onclick: () => {
    view.stood?.scatter.move(0, 0, 1);
    keep(view);
  } }, "Whole map");
  fill(
    root,
    h("div", { class: "strip" }, view.controls.method, view.controls.by, reset, view.told),
    h("div", { class: "map-split" }, view.main, h("aside", { class: "legend-box" }, view.legend)),
  );
  const themed = () => recolour(view);
  window.addEventListener("themechange", themed);
  return {
    update: (params) => update(view, params),
    key: (event) => onKey(view, event),
    leave: () => {
      window.removeEventListener("themechange", themed);
      view.asked?.abort();
      view.sized.disconnect();
    },
  };
}

/**
 * @param {View} view
 * @param {URLSearchParams} params
 */
async function update(view, params) {
  const index = await indexFor(params);
  if (view.signal.aborted) return;
  const method = params.get("method") === "umap" ? "umap" : "pca";
  view.controls.method.set(method);
  const mark = `${index} ${method}`;
  if (view.mark !== mark) {
    view.mark = mark;
    if (!(await made(view, mark, { index, method }))) return;
  }
  if (view.signal.aborted || !view.stood) return;
  await colour(view, view.stood, params.get("by") || view.stood.columns[0]);
}

/**
 * The map's points are fetched and stand; false where that failed or is no longer wanted.
 * @param {View} view
 * @param {string} mark
 * @param {{ index: string, method: string }} request
 */
async function made(view, mark, request) {
  view.asked?.abort();
  view.asked = new AbortController();
  view.stood = view.by = view.coloured = null;
  clear();
  const waiting = progress(request.method === "umap" ? "Laying out the map (UMAP takes a while) …" : "Laying out the map …");
  fill(view.main, waiting);
  fill(view.legend);
  fill(view.told);
  try {
    const state = await job("maps", request, { signal: view.asked.signal, onProgress: waiting.set });
    const { bytes } = await api.points(state.id, { signal: view.asked.signal });
    if (view.mark !== mark || view.signal.aborted) return false;
    const { columns } = state.document;
    view.controls.by.offer(columns);
    const { windowed } = await indexInfo(request.index);
    if (view.signal.aborted) return false;
    stand(view, bytes, { id: state.id, columns, windowed, method: request.method });
    return true;
  } catch (error) {
    if (view.mark !== mark || view.signal.aborted || isAbort(error)) return false;
    view.mark = null;
    const other = request.method === "umap" && h("button", { type: "button", onclick: () => view.change({ method: null }) }, "Use PCA");
    fill(view.main, failure(error, h("button", { type: "button", onclick: tryAgain }, "Try again"), other));
    return false;
  }
}

/**
 * @param {View} view
 * @param {ArrayBuffer} bytes
 * @param {{ id: string, columns: string[], windowed: boolean, method: string }} map
 */
function stand(view, bytes, { id, columns, windowed, method }) {
  const n = bytes.byteLength / 12;
  const canvas = h("canvas", { class: "map", tabindex: 0, role: "application", "aria-label": `Map of ${count(n)} clips. Arrows move it, plus and minus zoom, Enter searches with the clip nearest the middle.` });
  const peek = h("div", { class: "peek", hidden: true });
  fill(view.main, canvas, peek);
  fill(view.told, `${plural(n, windowed ? "window" : "clip")} by ${method === "pca" ? "the two principal axes" : "UMAP"}; neighbours here need not be nearest in the index`);
  const scatter = new Scatter(canvas, new Float32Array(bytes, 0, 2 * n));
  const stood = { id, canvas, peek, scatter, ids: new Uint32Array(bytes, 8 * n, n), columns, windowed, peeked: -1 };
  view.stood = stood;
  const { params } = current();
  const [x, y, zoom] = ["x", "y", "zoom"].map((key) => Number(params.get(key)));
  if (zoom) scatter.move(x || 0, y || 0, Math.max(0.7, Math.min(200, zoom)));
  pointing(canvas, scatter, {
    over: view.hover,
    moved: view.keep,
    pressed: (at, isMouse) => {
      if (at >= 0 && (isMouse || at === stood.peeked)) searchWith(view, stood, at);
      else view.hover(at);
    },
  });
  view.sized.disconnect();
  view.sized.observe(canvas);
  const tick = () => {
    if (view.stood !== stood || view.signal.aborted) return;
    scatter.draw();
    requestAnimationFrame(tick);
  };
  tick();
}

/**
 * @param {View} view
 * @param {Stood} stood
 * @param {string} by
 */
async function colour(view, stood, by) {
  view.controls.by.set(by);
  if (view.by === by) return;
  view.by = by;
  try {
    const { values, codes } = await api.mapColumn(stood.id, by);
    if (view.by !== by || view.stood !== stood || view.signal.aborted) return;
    const decoded = decode(codes);
    view.coloured = { values, codes: decoded, counts: tally(decoded, values.length), hidden: new Set() };
    recolour(view);
    drawLegend(view, view.coloured);
  } catch (error) {
    if (!view.signal.aborted) fill(view.legend, h("li", {}, asError(error).message));
  }
}

/** @param {string} base64 */
function decode(base64) {
  const text = atob(base64);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

/**
 * @param {Uint16Array} codes
 * @param {number} n
 */
function tally(codes, n) {
  const counts = new Uint32Array(n);
  for (const code of codes) if (code < n) counts[code]++;
  return counts;
}

/** @param {View} view */
function recolour(view) {
  const { stood, coloured } = view;
  if (!stood || !coloured) return;
  stood.scatter.resize();
  stood.scatter.paintBy(coloured.codes, categories(coloured.values.length), coloured.hidden);
}

/**
 * A press on a value shows it alone, then all again.
 * @param {View} view
 * @param {Coloured} coloured
 */
function drawLegend(view, coloured) {
  const { values, counts, hidden } = coloured;
  const colours = categories(values.length);
  /** @param {number} code */
  const only = (code) => {
    const alone = hidden.size === values.length && !hidden.has(code);
    coloured.hidden = new Set(alone ? [] : [NO_VALUE, ...values.keys()]);
    coloured.hidden.delete(code);
    recolour(view);
    drawLegend(view, coloured);
  };
  const items = values.map((value, code) =>
    h("li", {}, h("button", { type: "button", class: "plain key", "aria-pressed": String(hidden.size > 0 && !hidden.has(code)), onclick: () => only(code) },
      h("span", { class: "swatch", style: { background: css(colours[code]) } }), h("span", { class: "value" }, String(value)), h("span", { class: "quiet" }, count(counts[code])))),
  );
  const rest = items.slice(LEGEND);
  fill(view.legend, items.slice(0, LEGEND), rest.length > 0 && h("li", {}, h("details", {}, h("summary", {}, `${rest.length} more`), h("ul", { class: "legend" }, rest))));
}

/** @param {View} view */
function keep(view) {
  if (!view.stood || view.signal.aborted) return;
  const { x, y, zoom } = view.stood.scatter;
  const whole = x === 0 && y === 0 && zoom === 1;
  note("map", changed(current().params, whole ? { x: null, y: null, zoom: null } : { x: x.toFixed(4), y: y.toFixed(4), zoom: zoom.toFixed(3) }));
}

/**
 * @param {View} view
 * @param {Stood} stood
 * @param {number} at
 */
async function rowAt(view, stood, at) {
  const id = stood.ids[at];
  const row = view.rows.get(id) ?? (await api.clip(id));
  view.rows.set(id, row);
  remember([row]);
  return row;
}

/**
 * @param {View} view
 * @param {number} at
 */
async function showClip(view, at) {
  const { stood } = view;
  if (!stood || view.signal.aborted) return;
  const { peek } = stood;
  stood.peeked = at;
  if (at < 0) {
    peek.hidden = true;
    clear();
    return;
  }
  try {
    const row = await rowAt(view, stood, at);
    if (stood.peeked !== at || view.signal.aborted) return;
    clear();
    fill(
      peek, stage(framesUrl({ id: row.id, ...(row.frames > 600 ? { start: 0, stop: 300 } : {}) }), { label: actionOf(row) }),
      h("strong", {}, actionOf(row)), h("div", { class: "name" }, row.name), h("div", { class: "facts" }, facts(row).join(" · ")),
      stood.windowed && h("div", { class: "facts" }, "A window of this recording; its beginning plays."),
    );
    peek.hidden = false;
    say(`${actionOf(row)}, ${row.name}`);
    put(stood, at);
    restart();
  } catch (error) {
    if (!isAbort(error)) fill(peek, h("p", {}, asError(error).message));
  }
}

/**
 * The card beside its point, within the map.
 * @param {Stood} stood
 * @param {number} at
 */
function put({ canvas, peek, scatter }, at) {
  const [x, y] = scatter.toCanvas(at).map((v) => v / scatter.scale);
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, tall] = [peek.offsetWidth, peek.offsetHeight];
  peek.style.left = `${Math.max(4, x + 18 + w > width ? x - w - 18 : x + 18)}px`;
  peek.style.top = `${Math.max(4, Math.min(height - tall - 4, y - tall / 2))}px`;
}

/**
 * @param {View} view
 * @param {Stood} stood
 * @param {number} at
 */
async function searchWith(view, stood, at) {
  const row = await rowAt(view, stood, at);
  if (view.signal.aborted) return;
  go("search", new URLSearchParams({ index: await indexFor(current().params), clip: clipName(row) }));
}

/**
 * @param {View} view
 * @param {KeyboardEvent} event
 */
function onKey(view, event) {
  const { stood } = view;
  if (!stood || around(event, "button, summary, select")) return false;
  const { scatter, canvas } = stood;
  /** @type {[number, number]} */
  const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  /** @type {Record<string, () => void>} */
  const moves = {
    ArrowLeft: () => scatter.pan(STEP_PX, 0), ArrowRight: () => scatter.pan(-STEP_PX, 0),
    ArrowUp: () => scatter.pan(0, STEP_PX), ArrowDown: () => scatter.pan(0, -STEP_PX),
    "+": () => scatter.zoomAt(...middle, 1.4), "=": () => scatter.zoomAt(...middle, 1.4), "-": () => scatter.zoomAt(...middle, 1 / 1.4),
    "0": () => scatter.move(0, 0, 1),
  };
  if (event.key === "Enter" && scatter.at >= 0) {
    searchWith(view, stood, scatter.at);
    return true;
  }
  if (!moves[event.key]) return false;
  moves[event.key]();
  const at = scatter.near(...middle, 200);
  scatter.point(at);
  view.hover(at);
  view.keep();
  return true;
}
