/** Inside a recording: how alike a query is along it, where it peaks, what is labelled there; a click plays. */

import { changed, current, go, note } from "../address.js";
import { api, isAbort } from "../api.js";
import { clipCard, stage, walkable } from "../card.js";
import { modalityChips } from "../controls.js";
import { fill, h, settled } from "../dom.js";
import { clockTime, plural, segmentName } from "../format.js";
import { framesUrl } from "../motion.js";
import { clipBox } from "../picker.js";
import { clear, clock, onTime, restart, seek, setPlaying } from "../player.js";
import { kinder, queryCard, uploadToken, urlOf } from "../queryclip.js";
import { alike, anew, indexFor, remember, take, windowed } from "../shelf.js";
import { empty, failure, loading } from "../states.js";
import { Track } from "../track.js";
import { transport } from "../transport.js";

export const title = "Timeline";
const PEAKS = 8;

/**
 * @typedef {object} View
 * @property {AbortSignal} signal
 * @property {(changes: Page.Changes) => void} change
 * @property {string | null} mark  of what is shown or asked for
 * @property {string} index
 * @property {Track | null} track
 * @property {ReturnType<typeof clipBox>} query
 * @property {ReturnType<typeof clipBox>} recording
 * @property {ReturnType<typeof modalityChips>} modality
 * @property {HTMLElement} main
 * @property {ReturnType<typeof transport>} bar
 * @property {() => void} keep
 */

/** @typedef {Page.Request & { recording: string, modality: string }} Request */

/** @type {Page.View["mount"]} */
export function mount(root, { signal }) {
  /** @param {Page.Changes} changes */
  const change = (changes) => go("timeline", changed(current().params, changes));
  /** @param {string} word @param {Page.Row | null} row */
  const clip = (word, row) => {
    if (row) remember([row]);
    change({ clip: word, t: null });
  };
  /** @type {View} */
  const view = {
    signal, change, mark: null, index: "", track: null,
    query: clipBox(() => view.index, clip, { label: "Query clip" }),
    recording: clipBox(() => view.index, (word) => change({ recording: word, t: null }), { label: "Recording", id: "recording" }),
    modality: modalityChips((value) => change({ modality: value === "fused" ? null : value })),
    main: h("div", { class: "results" }),
    bar: transport(),
    keep: settled(() => {
      if (!view.signal.aborted) note("timeline", changed(current().params, { t: clock.time_s ? clock.time_s.toFixed(1) : null }));
    }, 300),
  };
  fill(
    root,
    h("div", { class: "strip" }, h("label", { class: "field grow" }, h("span", {}, "Query: a clip, DATASET:NAME, or drop a file"), view.query), h("label", { class: "field grow" }, h("span", {}, "Recording"), view.recording), h("div", { class: "field" }, h("span", {}, "Query by"), view.modality)),
    view.main, view.bar,
  );
  const redraw = () => view.track?.draw();
  window.addEventListener("themechange", redraw);
  const endTime = onTime(() => view.track?.playhead(Math.min(view.track.length_s, clock.time_s)));
  return {
    update: (params) => update(view, params),
    files: (files) => takeFiles(view, files),
    leave: () => {
      endTime();
      window.removeEventListener("themechange", redraw);
      view.track?.sized.disconnect();
      view.bar.stop();
    },
  };
}

/**
 * @param {View} view
 * @param {File[]} files
 */
async function takeFiles(view, files) {
  fill(view.main, loading(`Reading ${files[0]?.name ?? "files"} …`));
  view.mark = null;
  try {
    const told = await take(files, { index: view.index });
    if (!view.signal.aborted) view.change({ clip: `upload:${told.token}`, t: null });
  } catch (error) {
    if (!view.signal.aborted) fill(view.main, failure(error));
  }
}

/**
 * @param {View} view
 * @param {URLSearchParams} params
 */
async function update(view, params) {
  const names = await windowed();
  const wanted = await indexFor(params);
  if (view.signal.aborted) return;
  if (!names.length) {
    clear();
    fill(view.main, empty("No index of windows in this library.", "A timeline needs recordings kept whole and an index of windows over them.", { commands: ["umurl-search ingest NAME --source FOLDER --untrimmed", "umurl-search build-index NAME --window 3"] }));
    return;
  }
  if (!names.includes(wanted)) {
    const index = await alike(names, wanted);
    if (!view.signal.aborted) go("timeline", changed(params, { index }), { replace: true });
    return;
  }
  view.index = wanted;
  view.bar.hidden = !params.get("clip");
  const clip = params.get("clip");
  view.query.input.value = clip && !uploadToken(clip) ? clip : "";
  view.modality.set(params.get("modality") || "fused");
  const recording = params.get("recording") ?? (await firstRecording(view));
  if (view.signal.aborted) return;
  view.recording.input.value = recording ?? "";
  if (!clip || !recording) {
    view.mark = null;
    clear();
    fill(view.main, empty("No query yet.", "Choose a clip, or drop a file: the timeline shows where in the recording somebody moves like it.", { ways: await ways(view, recording) }));
    return;
  }
  await ask(view, { clip, recording, index: view.index, modality: params.get("modality") || "fused" });
}

/** @param {View} view */
async function firstRecording(view) {
  const { clips } = await api.clips(view.index, { limit: 1 }, { signal: view.signal });
  remember(clips);
  return clips.length ? `${clips[0].dataset}:${clips[0].name}` : null;
}

/**
 * A labelled stretch of another recording, to begin with.
 * @param {View} view
 * @param {string | null} recording
 */
async function ways(view, recording) {
  const { clips } = await api.clips(view.index, { limit: 2 }, { signal: view.signal });
  const other = clips.find((row) => `${row.dataset}:${row.name}` !== recording) ?? clips[0];
  if (!other) return [];
  const { segments } = await api.clip(other.id, { signal: view.signal });
  return segments.slice(0, 5).map((one) =>
    h("button", { type: "button", onclick: () => view.change({ clip: `${other.dataset}:${other.name}@${(one.start / 30).toFixed(2)}-${(one.stop / 30).toFixed(2)}` }) }, `${segmentName(one)} of ${other.name}`),
  );
}

/**
 * @param {View} view
 * @param {Request} request
 */
async function ask(view, request) {
  const mark = JSON.stringify(request);
  if (view.mark === mark) return;
  view.mark = mark;
  clear();
  fill(view.main, loading("Comparing with every window …"));
  try {
    const { clip, index, modality } = request;
    const asking = api.query({ clip, index, modality, k: 1 }, { signal: view.signal });
    const [answer, { query }] = await Promise.all([api.timeline(request, { signal: view.signal }), asking]);
    const url = await urlOf(clip, query);
    if (view.mark === mark && !view.signal.aborted) show(view, request, answer, queryCard(clip, url, query));
  } catch (error) {
    if (view.mark !== mark || view.signal.aborted || isAbort(error)) return;
    view.mark = null;
    fill(view.main, failure(kinder(error, request.clip), h("button", { type: "button", onclick: async () => view.change(await anew(current().params, { clip: null, recording: null })) }, "Begin anew")));
  }
}

/**
 * @param {View} view
 * @param {Request} request
 * @param {Server.Timeline} answer
 * @param {HTMLElement} card
 */
function show(view, request, answer, card) {
  const { recording } = answer;
  remember([recording]);
  view.track?.sized.disconnect();
  /** @param {number} s */
  const play = (s) => {
    seek(s);
    view.keep();
  };
  view.track = new Track(answer, play);
  const box = stage(framesUrl({ id: recording.id }), { label: `recording ${recording.name}` });
  const here = h("figure", { class: "recording" }, box, h("figcaption", {}, h("strong", {}, recording.name), h("span", { class: "quiet" }, `${clockTime(answer.frames / answer.fps)}, ${plural(answer.windows.length, "window")}, ${plural(answer.segments.length, "labelled segment")}`)));
  fill(
    view.main, h("div", { class: "beside" }, card, here), h("section", { class: "panel" }, h("h2", {}, "Similarity along the recording ", h("span", { class: "quiet" }, `windows of ${request.index}`)), view.track.element),
    h("h2", {}, `Peaks, best first`), peaks(request, answer, play),
  );
  repeatQuery(card);
  const t = Number(current().params.get("t"));
  restart();
  if (t) seek(t);
}

/**
 * The query goes round and round while the recording plays on.
 * @param {HTMLElement} card
 */
function repeatQuery(card) {
  const figure = card.querySelector("canvas")?.figure;
  if (figure) figure.own = () => clock.time_s % Math.max(0.1, figure.duration_s);
}

/**
 * @param {Request} request
 * @param {Server.Timeline} answer
 * @param {(s: number) => void} play
 */
function peaks(request, answer, play) {
  const { fps, recording } = answer;
  /** @param {string} word */
  const search = (word) => go("search", new URLSearchParams({ index: request.index, clip: word }));
  const cards = answer.peaks.slice(0, PEAKS).map((one, i) => {
    const middle = (one.start + one.stop) / 2;
    const segment = answer.segments.find((s) => s.start <= middle && middle < s.stop) ?? null;
    const row = { ...recording, rank: i + 1, score: one.score, start_frame: one.start, stop_frame: one.stop, start_s: one.start / fps, end_s: one.stop / fps, segment };
    const card = clipCard(row, { onSearch: search, onLook: () => {
      play(row.start_s);
      setPlaying(true);
    } });
    for (const canvas of card.querySelectorAll("canvas")) if (canvas.figure) canvas.figure.own = () => clock.time_s % ((one.stop - one.start) / fps);
    return card;
  });
  return walkable(h("ol", { class: "cards", "aria-label": "Peaks, best first" }, cards));
}
