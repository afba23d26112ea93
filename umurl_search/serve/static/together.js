/** Files dropped or chosen at once: a folder's, or the frames of one clip, as some pose estimators write them. */

import { ApiError } from "./api.js";

const FRAMES = "Several files are taken as the frames of one clip where all are .json, as OpenPose writes them. Drop one file at a time.";

/**
 * What was dropped; of a folder, the files right in it. To be called while the event lasts.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory);
  const files = [...transfer.files];
  if (!folders.length) return files;
  const inside = await Promise.all(folders.map((folder) => filesIn(/** @type {FileSystemDirectoryEntry} */ (folder))));
  return inside.flat();
}

/** @param {FileSystemDirectoryEntry} folder */
async function filesIn(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) break; // the list comes in parts, an empty one last
    found.push(...part);
  }
  const files = found.filter((entry) => entry.isFile && !entry.name.startsWith("."));
  return Promise.all(files.map((entry) => /** @type {Promise<File>} */ (new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)))));
}

/**
 * One file of all: a list of frames, each with its number. Raises ApiError where they are no frames.
 * @param {File[]} files
 * @returns {Promise<File>}
 */
export async function asOne(files) {
  if (files.length === 1) return files[0];
  if (!files.length || !files.every((file) => file.name.toLowerCase().endsWith(".json"))) throw new ApiError(FRAMES, 400);
  const sorted = files.toSorted((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  const frames = await Promise.all(sorted.map(parse));
  return new File([JSON.stringify(frames)], `${nameOf(sorted[0].name)}.json`);
}

/** @param {File} file */
async function parse(file) {
  /** @type {unknown} */
  let frame;
  try {
    frame = JSON.parse(await file.text());
  } catch {
    throw new ApiError(`${file.name}: no JSON`, 400);
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) throw new ApiError(`${file.name}: not one frame. ${FRAMES}`, 400);
  const number = file.name.match(/(\d+)(?!.*\d)/)?.[1];
  return number === undefined ? frame : { ...frame, frame_id: Number(number) };
}

/**
 * What the frames' names share: `walk_000000000012_keypoints.json` is of walk.
 * @param {string} first
 */
const nameOf = (first) => first.replace(/\.json$/i, "").replace(/[_-]?keypoints$/i, "").replace(/[_-]?\d+$/, "") || "clip";
