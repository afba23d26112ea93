/** What the page knows of the library, its indexes and clips seen; asked for once. */

import { api, ApiError, upload } from "./api.js";
import { asOne } from "./together.js";
import { clipName } from "./format.js";

/** @type {Map<string, Promise<Server.IndexInfo>>} */
const infos = new Map();
/** @type {Map<string, Page.Row>} */
const rows = new Map();
/** @type {Promise<Server.Contents> | null} */
let listed = null;

export function library() {
  if (listed) return listed;
  const asked = api.library();
  asked.catch(() => {
    listed = null;
  });
  listed = asked;
  return asked;
}

/** Forgets what is known of the library: it has changed, or what was asked for is not there any more. */
export function forget() {
  listed = null;
  infos.clear();
  window.dispatchEvent(new Event("libraryforgotten"));
}

/** The view that is shown begins again, with what the library holds now. */
export const tryAgain = () => window.dispatchEvent(new Event("tryagain"));

/**
 * Changes of an address for another beginning: an index that is gone is not asked for again.
 * @param {URLSearchParams} params
 * @param {Page.Changes} changes
 * @returns {Promise<Page.Changes>}
 */
export async function anew(params, changes) {
  forget();
  const index = params.get("index");
  const all = await library().catch(() => null);
  const gone = all && index && !all.indexes.some((one) => one.name === index);
  return gone ? { ...changes, index: null } : changes;
}

/** @param {string} index */
export function indexInfo(index) {
  const known = infos.get(index);
  if (known) return known;
  const info = api.index(index);
  info.catch(() => infos.delete(index));
  infos.set(index, info);
  return info;
}

/**
 * The index that an address names, else the server's default; null where there is none.
 * @param {URLSearchParams} params
 */
export async function indexOf(params) {
  const own = params.get("index");
  if (own) return own;
  const all = await library();
  return all.default_index ?? all.indexes[0]?.name ?? null;
}

/**
 * The same for a view, which needs one. Raises ApiError where there is none any more.
 * @param {URLSearchParams} params
 */
export async function indexFor(params) {
  const index = await indexOf(params);
  if (index === null) throw new ApiError("This library has no index any more.", 404);
  return index;
}

/** The indexes of windows of recordings. */
export async function windowed() {
  const all = await library();
  const told = await Promise.allSettled(all.indexes.map((one) => indexInfo(one.name)));
  return told.flatMap((one) => (one.status === "fulfilled" && one.value.windowed ? [one.value.name] : []));
}

/**
 * Of some indexes, one with the encoder of another, else the first.
 * @param {string[]} names
 * @param {string} index
 */
export async function alike(names, index) {
  const { indexes } = await library();
  const encoder = indexes.find((one) => one.name === index)?.encoder;
  return names.find((name) => indexes.some((one) => one.name === name && one.encoder === encoder)) ?? names[0];
}

/**
 * Remembers clips by name, so that an address with the name alone finds the number at once.
 * @param {Page.Row[]} clips
 */
export function remember(clips) {
  for (const row of clips) rows.set(clipName(row), row);
}

/** @param {string} name */
export const remembered = (name) => rows.get(name) ?? null;

/**
 * What may be sent as a clip, once the server has said it: suffixes, joint layouts, axes that may be up.
 * @type {Server.Files}
 */
export const accepted = { suffixes: [], layouts: [], up: [] };

export async function knowFiles() {
  if (!accepted.suffixes.length) Object.assign(accepted, await api.files());
}

/**
 * How the files that are dropped are to be read; null: as the index's dataset was.
 * @type {{ layout: string | null, fps: string | null, up: string | null, scale: string | null, upright: string | null, missing: string | null }}
 */
export const conventions = { layout: null, fps: null, up: null, scale: null, upright: null, missing: null };

/**
 * Sends a file, or the frames of a clip as one; what the server says of it, its token among that.
 * @type {(files: File[], options: { index: string }) => Promise<Server.Upload>}
 */
export const take = async (files, { index }) => upload(await asOne(files), { index, ...conventions });
