/** What the page knows of the library, its indexes and clips seen; asked for once. */

import { api, upload } from "./api.js";
import { clipName } from "./format.js";

const infos = new Map();
const rows = new Map();
let listed = null;

export function library({ anew = false } = {}) {
  if (!listed || anew) {
    listed = api.library();
    listed.catch(() => {
      listed = null;
    });
  }
  return listed;
}

/** Forgets what is known of the library: it has changed, or what was asked for is not there any more. */
export function forget() {
  listed = null;
  infos.clear();
  window.dispatchEvent(new Event("libraryforgotten"));
}

/** The view that is shown begins again, with what the library holds now. */
export const tryAgain = () => window.dispatchEvent(new Event("tryagain"));

/** Changes of an address for another beginning: an index that is gone is not asked for again. */
export async function anew(params, changes) {
  forget();
  const index = params.get("index");
  const all = await library().catch(() => null);
  const gone = all && index && !all.indexes.some((one) => one.name === index);
  return gone ? { ...changes, index: null } : changes;
}

export function indexInfo(index) {
  if (!infos.has(index)) {
    const info = api.index(index);
    info.catch(() => infos.delete(index));
    infos.set(index, info);
  }
  return infos.get(index);
}

/** The index that an address names, else the server's default; null where there is none. */
export async function indexOf(params) {
  const own = params.get("index");
  if (own) return own;
  const all = await library();
  return all.default_index ?? all.indexes[0]?.name ?? null;
}

/** The indexes of windows of recordings. */
export async function windowed() {
  const all = await library();
  const told = await Promise.allSettled(all.indexes.map((one) => (one.windowed === undefined ? indexInfo(one.name) : one)));
  return told.filter((one) => one.value?.windowed).map((one) => one.value.name);
}

/** Of some indexes, one with the encoder of another, else the first. */
export async function alike(names, index) {
  const { indexes } = await library();
  const encoder = indexes.find((one) => one.name === index)?.encoder;
  return names.find((name) => indexes.some((one) => one.name === name && one.encoder === encoder)) ?? names[0];
}

/** Remembers clips by name, so that an address with the name alone finds the number at once. */
export function remember(clips) {
  for (const row of clips) rows.set(clipName(row), row);
}

export const remembered = (name) => rows.get(name) ?? null;

/** What may be sent as a clip, once the server has said it: suffixes, joint layouts, axes that may be up. */
export const accepted = { suffixes: [], layouts: [], up: [] };

export async function knowFiles() {
  if (!accepted.suffixes.length) Object.assign(accepted, await api.files());
}

/** How the files that are dropped are to be read; null: as the index's dataset was. */
export const conventions = { layout: null, fps: null, up: null, scale: null };

/** Sends a file; what the server says of it, its token among that. */
export const take = (file, { index }) => upload(file, { index, ...conventions });
