/** A clip's frames as the server sends them: int16 millimetres (T, M, V, 3), y up, floor at 0. */

import { api, getBytes } from "./api.js";

export const JOINTS = 25;
/** @type {Map<string, Promise<Page.Motion["bones"]>>} */
const bonesOf = new Map();
/** @type {Map<string, Page.Motion>} */
const kept = new Map();
const MOST_KEPT = 240;

/**
 * The bones of a layout, pairs of joints; asked for once.
 * @param {string} layout
 */
export function bones(layout) {
  const known = bonesOf.get(layout);
  if (known) return known;
  const asked = api.skeleton(layout).then((answer) => answer.bones);
  bonesOf.set(layout, asked);
  return asked;
}

/**
 * Where a clip's frames are: of a clip by its id, of a moment of it, or of an uploaded file.
 * @param {{ id?: number, token?: string, start?: number, stop?: number }} place
 */
export function framesUrl({ id, token, start, stop }) {
  const path = token ? `/api/uploads/${encodeURIComponent(token)}/frames` : `/api/clips/${id}/frames`;
  return start === undefined ? path : `${path}?start=${start}&stop=${stop}`;
}

/**
 * The motion at an address, kept for the next who asks.
 * @param {string} url
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<Page.Motion>}
 */
export function motion(url, { signal } = {}) {
  const found = kept.get(url);
  if (found) {
    kept.delete(url);
    kept.set(url, found); // the one used last goes last
    return Promise.resolve(found);
  }
  return fetched(url, signal).then((made) => {
    kept.set(url, made);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT) kept.delete(oldest);
    return made;
  });
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page.Motion>}
 */
async function fetched(url, signal) {
  const { bytes, headers } = await getBytes(url, { signal });
  const [frames, people, joints] = (headers.get("X-Shape") ?? "").split(",").map(Number);
  const layout = headers.get("X-Layout") || "ntu25";
  const data = new Int16Array(bytes);
  return { data, frames, people, joints, fps: Number(headers.get("X-Fps") || 30), bones: await bones(layout), box: box(data) };
}

/**
 * The middle and size of all that is ever there, in millimetres.
 * @param {Int16Array} data
 * @returns {Page.Box}
 */
export function box(data) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < data.length; i += 3) {
    if (!data[i] && !data[i + 1] && !data[i + 2]) continue;
    for (let axis = 0; axis < 3; axis++) {
      const value = data[i + axis];
      if (value < low[axis]) low[axis] = value;
      if (value > high[axis]) high[axis] = value;
    }
  }
  if (low[0] > high[0]) return { x: 0, y: 900, z: 0, across: 1000, tall: 1800 };
  const across = Math.hypot(high[0] - low[0], high[2] - low[2]);
  const flat = low[2] === high[2];
  return { x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, z: (low[2] + high[2]) / 2, across, tall: high[1] - low[1], floor: low[1], flat };
}
