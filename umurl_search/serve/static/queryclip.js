/** The clip that asks, as an address names it: `DATASET:NAME`, a moment of one, or a dropped file. */

import { api, ApiError } from "./api.js";
import { stage } from "./card.js";
import { h } from "./dom.js";
import { clipId, facts, plural } from "./format.js";
import { framesUrl } from "./motion.js";
import { library, remember, remembered } from "./shelf.js";

const FPS = 30;

/** @param {string | null} clip */
export const uploadToken = (clip) => (clip?.startsWith("upload:") ? clip.slice(7) : null);

/**
 * What is known of it before the server answered: where its frames are, or null.
 * @param {string} clip
 */
function urlAtOnce(clip) {
  const token = uploadToken(clip);
  if (token) return framesUrl({ token });
  const [name, moment] = parted(clip);
  const row = remembered(name);
  return row ? framesUrl({ id: clipId(row), ...moment }) : null;
}

/**
 * The same once the server answered; of a moment, its recording is looked up by its name.
 * @param {string} clip
 * @param {Server.AskedClip} query
 */
export async function urlOf(clip, query) {
  const known = urlAtOnce(clip);
  if (known) return known;
  const [name, moment] = parted(clip);
  const id = query.clip_id ?? (await found(name));
  return id === null ? null : framesUrl({ id, ...moment });
}

/**
 * A clip's number by `DATASET:NAME`, from any index of that dataset; null where there is none.
 * @param {string} named
 */
async function found(named) {
  const [dataset, name] = named.split(/:(.*)/s);
  const index = (await library()).indexes.find((one) => one.dataset === dataset);
  if (!index) return null;
  const { clips } = await api.clips(index.name, { text: name, limit: 50 });
  remember(clips);
  const row = remembered(named);
  return row ? clipId(row) : null;
}

/**
 * @param {string} clip
 * @returns {[string, { start?: number, stop?: number }]}
 */
function parted(clip) {
  const found = /^(.*)@([\d.]+)-([\d.]+)$/.exec(clip);
  if (!found) return [clip, {}];
  const [start, stop] = [found[2], found[3]].map((s) => Math.round(Number(s) * FPS));
  return [found[1], { start, stop }];
}

/**
 * The name shown for it; the server's answer has that of a file too.
 * @param {string} clip
 * @param {Server.AskedClip} query
 */
export const titleOf = (clip, query) => (uploadToken(clip) ? (query.clip ?? "a dropped file") : clip);

/**
 * A dropped file that the server holds no more is said to be so.
 * @param {unknown} error
 * @param {string} clip
 */
export function kinder(error, clip) {
  if (!uploadToken(clip) || !(error instanceof ApiError) || error.status !== 404) return error;
  return new ApiError("The server holds this dropped file no more (it keeps dropped files in memory only, and for a while). Drop it again.", 404);
}

/**
 * The card of the query. `url`: of its frames, or null; `query`: what the server said of it; `ways`: links.
 * @param {string} clip
 * @param {string | null} url
 * @param {Server.AskedClip} query
 * @param {{ ways?: Page.Child[] }} [options]
 */
export function queryCard(clip, url, query, { ways = [] } = {}) {
  const [name, moment] = parted(clip);
  const token = uploadToken(clip);
  const title = titleOf(clip, query);
  const row = token || moment.start !== undefined ? null : remembered(name);
  const words = row ? facts(row) : [`${(query.frames / FPS).toFixed(1)}\u00a0s`, plural(query.people, "person", "people")];
  const about = h(
    "div", { class: "about" },
    h("div", { class: "eyebrow" }, "Query"),
    h("strong", { class: "action" }, labelOf(query, moment)),
    h("div", { class: "name", title }, title),
    h("div", { class: "facts" }, words.join(" · ")),
    query.notes.map((note) => h("div", { class: "facts note" }, note)),
    token && h("div", { class: "facts note" }, "A dropped file: its address works only here, and only while the server holds it."),
    h("div", { class: "ways" }, ways),
  );
  return h("section", { class: "query-card", "aria-label": "The query" }, url ? stage(url, { label: title }) : h("div", { class: "stage" }), about);
}

/**
 * @param {Server.AskedClip} query
 * @param {{ start?: number }} moment
 */
function labelOf(query, moment) {
  if (query.action) return query.action;
  if (query.label !== null && query.label !== undefined) return `label ${query.label}`;
  return moment.start === undefined ? "no label" : "a moment";
}
