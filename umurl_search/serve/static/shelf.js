/** What the page knows of the library, its indexes, clips seen and files dropped; asked for once. */

import { api, upload } from "./api.js";
import { clipName } from "./format.js";

const infos = new Map();
const rows = new Map();
const dropped = new Map();
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
  const infos_ = await Promise.all(all.indexes.map((one) => (one.windowed === undefined ? indexInfo(one.name) : one)));
  return infos_.filter((one) => one.windowed).map((one) => one.name);
}

/** Remembers clips by name, so that an address with the name alone finds the number at once. */
export function remember(clips) {
  for (const row of clips) rows.set(clipName(row), row);
}

export const remembered = (name) => rows.get(name) ?? null;

/** How the files that are dropped are to be read; null: as the index's dataset was. */
export const conventions = { layout: null, fps: null, up: null, scale: null };

/** A file's upload, remembered by its token. */
export async function take(file, { index }) {
  const told = await upload(file, { index, ...conventions });
  dropped.set(told.token, told);
  return told;
}

export const droppedFile = (token) => dropped.get(token) ?? null;
