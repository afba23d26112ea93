/** Map: the corpus in the plane, coloured by a column; pointing plays a clip, a click searches with it. */

import { changed, COLUMNS, current, go, note } from "../address.js";
import { api, job } from "../api.js";
import { stage } from "../card.js";
import { choice } from "../controls.js";
import { fill, h, say, settled } from "../dom.js";
import { actionOf, clipName, count, facts, plural } from "../format.js";
import { framesUrl } from "../motion.js";
import { categories, css } from "../palette.js";
import { clear, restart } from "../player.js";
import { indexInfo, indexOf, remember, tryAgain } from "../shelf.js";
import { Scatter } from "../scatter.js";
import { failure, progress } from "../states.js";

export const title = "Map";
const LEGEND = 24;
const HOVER_MS = 70;
const STEP_PX = 60;
const METHODS = [["pca", "PCA"], ["umap", "UMAP"]];

export function mount(root, { signal }) {
  const change = (changes) => go("map", changed(current().params, changes));
  const view = { signal, change, mark: null, scatter: null, hidden: new Set(), asked: null, rows: new Map() };
  view.method = choice("Layout", METHODS, (value) => change({ method: value === "pca" ? null : value, x: null, y: null, zoom: null }));
  view.by = choice("Colour by", ["action"], (value) => change({ by: value }));
  view.legend = h("ul", { class: "legend", "aria-label": "Colours" });
  view.told = h("p", { class: "quiet" });
  view.main = h("div", { class: "map-box" });
  const reset = h("button", { type: "button", class: "plain", onclick: () => view.scatter && (view.scatter.move(0, 0, 1), keep(view)) }, "Whole map");
  fill(
    root,
    h("div", { class: "strip" }, view.method, view.by, reset, view.told),
    h("div", { class: "map-split" }, view.main, h("aside", { class: "legend-box" }, view.legend)),
  );
  view.keep = settled(() => keep(view), 250);
  view.hover = settled((at) => showClip(view, at), HOVER_MS);
  const themed = () => recolour(view);
  window.addEventListener("themechange", themed);
  return {
    update: (params) => update(view, params),
    key: (event) => onKey(view, event),
    leave: () => {
      window.removeEventListener("themechange", themed);
      view.asked?.abort();
      view.sized?.disconnect();
    },
  };
}

async function update(view, params) {
  const index = await indexOf(params);
  if (view.signal.aborted) return;
  const method = params.get("method") === "umap" ? "umap" : "pca";
  view.method.set(method);
  const mark = `${index} ${method}`;
  if (view.mark !== mark) {
    view.mark = mark;
    if (!(await made(view, mark, { index, method }))) return;
  }
  if (view.signal.aborted || !view.scatter) return;
  await colour(view, params.get("by") || view.columns[0]);
}

/** The map's points are fetched and stand; false where that failed or is no longer wanted. */
async function made(view, mark, request) {
  view.asked?.abort();
  view.asked = new AbortController();
  view.scatter = null;
  view.by_ = null;
  clear();
  const waiting = progress(request.method === "umap" ? "Laying out the map (UMAP takes a while) …" : "Laying out the map …");
  fill(view.main, waiting);
  fill(view.legend);
  fill(view.told);
  try {
    const state = await job("maps", request, { signal: view.asked.signal, onProgress: waiting.set });
    const { bytes } = await api.points(state.id, { signal: view.asked.signal });
    if (view.mark !== mark || view.signal.aborted) return false;
    view.id = state.id;
    view.columns = state.document.columns.filter((one) => COLUMNS.includes(one));
    view.by.offer(view.columns);
    const info = await indexInfo(request.index);
    if (view.signal.aborted) return false;
    stand(view, bytes, { ...request, windowed: info.windowed });
    return true;
  } catch (error) {
    if (view.mark !== mark || view.signal.aborted || error.name === "AbortError") return false;
    view.mark = null;
    const other = request.method === "umap" && h("button", { type: "button", onclick: () => view.change({ method: null }) }, "Use PCA");
    fill(view.main, failure(error, h("button", { type: "button", onclick: tryAgain }, "Try again"), other || ""));
    return false;
  }
}

function stand(view, bytes, request) {
  const n = bytes.byteLength / 12;
  view.windowed = request.windowed;
  const xy = new Float32Array(bytes, 0, 2 * n);
  view.ids = new Uint32Array(bytes, 8 * n, n);
  view.canvas = h("canvas", { class: "map", tabindex: 0, role: "application", "aria-label": `Map of ${count(n)} clips. Arrows move it, plus and minus zoom, Enter searches with the clip nearest the middle.` });
  view.peek = h("div", { class: "peek", hidden: true });
  fill(view.main, view.canvas, view.peek);
  fill(view.told, `${plural(n, view.windowed ? "window" : "clip")} by ${request.method === "pca" ? "the two principal axes" : "UMAP"}; neighbours here need not be nearest in the index`);
  view.scatter = new Scatter(view.canvas, xy);
  const { params } = current();
  const [x, y, zoom] = ["x", "y", "zoom"].map((key) => Number(params.get(key)));
  if (zoom) view.scatter.move(x || 0, y || 0, Math.max(0.7, Math.min(200, zoom)));
  pointing(view);
  view.sized?.disconnect();
  view.sized = new ResizeObserver(() => view.scatter?.resize());
  view.sized.observe(view.canvas);
  const mine = view.scatter;
  const tick = () => {
    if (view.scatter !== mine || view.signal.aborted) return;
    mine.draw();
    requestAnimationFrame(tick);
  };
  tick();
}

async function colour(view, by) {
  view.by.set(by);
  if (view.by_ === by) return;
  view.by_ = by;
  view.hidden = new Set();
  try {
    const { values, codes } = await api.mapColumn(view.id, by);
    if (view.by_ !== by || view.signal.aborted) return;
    view.values = values;
    view.codes = decoded(codes);
    view.counts = tally(view.codes, values.length);
    recolour(view);
    drawLegend(view);
  } catch (error) {
    if (!view.signal.aborted) fill(view.legend, h("li", {}, error.message));
  }
}

function decoded(base64) {
  const text = atob(base64);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

function tally(codes, n) {
  const counts = new Uint32Array(n);
  for (const code of codes) if (code < n) counts[code]++;
  return counts;
}

function recolour(view) {
  if (!view.scatter || !view.codes) return;
  view.scatter.resize();
  view.scatter.paintBy(view.codes, categories(view.values.length), view.hidden);
}

/** A press on a value shows it alone, then all again. */
function drawLegend(view) {
  const colours = categories(view.values.length);
  const only = (code) => {
    const alone = view.hidden.size === view.values.length - 1 && !view.hidden.has(code);
    view.hidden = new Set(alone ? [] : view.values.map((_, i) => i).filter((i) => i !== code));
    if (!alone) view.hidden.add(65535);
    view.hidden.delete(code);
    recolour(view);
    drawLegend(view);
  };
  const items = view.values.map((value, code) =>
    h("li", {}, h("button", { type: "button", class: "plain key", "aria-pressed": String(view.hidden.size > 0 && !view.hidden.has(code)), onclick: () => only(code) },
      h("span", { class: "swatch", style: { background: css(colours[code]) } }), h("span", { class: "value" }, String(value)), h("span", { class: "quiet" }, count(view.counts[code])))),
  );
  const rest = items.slice(LEGEND);
  fill(view.legend, items.slice(0, LEGEND), rest.length > 0 && h("li", {}, h("details", {}, h("summary", {}, `${rest.length} more`), h("ul", { class: "legend" }, rest))));
}

/** Dragging moves, the wheel and two fingers zoom, pointing plays, a click searches. */
function pointing(view) {
  const { canvas, scatter } = view;
  const down = new Map();
  let moved = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, place(event));
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      view.hover(scatter.near(...here));
      scatter.point(scatter.near(...here));
      return;
    }
    const other = [...down.entries()].find(([id]) => id !== event.pointerId)?.[1];
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (other) pinch(scatter, before, here, other);
    else scatter.pan(dx, dy);
    down.set(event.pointerId, here);
    view.keep();
  });
  canvas.addEventListener("pointerup", (event) => {
    const here = place(event);
    const clicked = down.size === 1 && moved < 5;
    down.delete(event.pointerId);
    if (!clicked) return;
    const at = scatter.near(...here, event.pointerType === "mouse" ? undefined : 24);
    const again = event.pointerType === "mouse" || at === view.peeked;
    scatter.point(at);
    if (at >= 0 && again) searchWith(view, at);
    else view.hover(at);
  });
  canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => {
    if (!down.size) view.hover(-1);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    scatter.zoomAt(...place(event), Math.exp(-event.deltaY * 0.0015));
    view.keep();
  }, { passive: false });
}

function pinch(scatter, before, here, other) {
  const apart = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
  scatter.zoomAt((here[0] + other[0]) / 2, (here[1] + other[1]) / 2, apart(here) / apart(before));
}

function keep(view) {
  if (!view.scatter || view.signal.aborted) return;
  const { x, y, zoom } = view.scatter;
  const whole = x === 0 && y === 0 && zoom === 1;
  note("map", changed(current().params, whole ? { x: null, y: null, zoom: null } : { x: x.toFixed(4), y: y.toFixed(4), zoom: zoom.toFixed(3) }));
}

async function rowAt(view, at) {
  const id = view.ids[at];
  if (!view.rows.has(id)) view.rows.set(id, await api.clip(id));
  const row = view.rows.get(id);
  remember([row]);
  return row;
}

async function showClip(view, at) {
  if (view.signal.aborted) return;
  view.peeked = at;
  if (at < 0) {
    view.peek.hidden = true;
    clear();
    return;
  }
  try {
    const row = await rowAt(view, at);
    if (view.peeked !== at || view.signal.aborted) return;
    clear();
    fill(
      view.peek, stage(framesUrl({ id: row.id, ...(row.frames > 600 ? { start: 0, stop: 300 } : {}) }), { label: actionOf(row) }),
      h("strong", {}, actionOf(row)), h("div", { class: "name" }, row.name), h("div", { class: "facts" }, facts(row).join(" · ")),
      view.windowed && h("div", { class: "facts" }, "A window of this recording; its beginning plays."),
    );
    view.peek.hidden = false;
    say(`${actionOf(row)}, ${row.name}`);
    put(view, at);
    restart();
  } catch (error) {
    if (error.name !== "AbortError") fill(view.peek, h("p", {}, error.message));
  }
}

/** The card beside its point, within the map. */
function put(view, at) {
  const [x, y] = view.scatter.toCanvas(at).map((v) => v / view.scatter.scale);
  const { clientWidth: width, clientHeight: height } = view.canvas;
  const [w, tall] = [view.peek.offsetWidth, view.peek.offsetHeight];
  view.peek.style.left = `${Math.max(4, x + 18 + w > width ? x - w - 18 : x + 18)}px`;
  view.peek.style.top = `${Math.max(4, Math.min(height - tall - 4, y - tall / 2))}px`;
}

async function searchWith(view, at) {
  const row = await rowAt(view, at);
  if (view.signal.aborted) return;
  go("search", new URLSearchParams({ index: await indexOf(current().params), clip: clipName(row) }));
}

function onKey(view, event) {
  const { scatter, canvas } = view;
  if (!scatter || event.target.closest("button, summary, select")) return false;
  const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  const moves = {
    ArrowLeft: () => scatter.pan(STEP_PX, 0), ArrowRight: () => scatter.pan(-STEP_PX, 0),
    ArrowUp: () => scatter.pan(0, STEP_PX), ArrowDown: () => scatter.pan(0, -STEP_PX),
    "+": () => scatter.zoomAt(...middle, 1.4), "=": () => scatter.zoomAt(...middle, 1.4), "-": () => scatter.zoomAt(...middle, 1 / 1.4),
    "0": () => scatter.move(0, 0, 1),
  };
  if (event.key === "Enter" && scatter.at >= 0) {
    searchWith(view, scatter.at);
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
