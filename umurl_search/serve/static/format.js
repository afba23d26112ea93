/** Numbers and clips as people read them. */

const WHOLE = new Intl.NumberFormat("en");

/** @param {number} n */
export const count = (n) => WHOLE.format(n);
/**
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
/** @param {number | null | undefined} share */
export const percent = (share) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)} %`);
/** @param {number | null | undefined} value */
export const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));
/** @param {number} s */
export const seconds = (s) => `${s.toFixed(2)} s`;
/** @param {number} s */
export const millis = (s) => (s < 1 ? `${Math.max(1, Math.round(1000 * s))} ms` : `${s.toFixed(1)} s`);

/**
 * 75.5 -> 1:15.5
 * @param {number} s
 */
export function clockTime(s) {
  const minutes = Math.floor(s / 60);
  const rest = (s - 60 * minutes).toFixed(1);
  return minutes ? `${minutes}:${rest.padStart(4, "0")}` : `${rest} s`;
}

/** @type {(row: Page.Row) => number} */
export const clipId = (row) => row.clip_id ?? row.id;
/** @param {{ dataset: string, name: string }} row */
export const clipName = (row) => `${row.dataset}:${row.name}`;

/**
 * What is done in a hit: in the moment of a recording, else in the clip.
 * @param {Page.Row} row
 */
export function actionOf(row) {
  if (row.segment) return segmentName(row.segment);
  if (row.start_frame !== undefined) return "no labelled segment";
  return row.action ?? labelName(row.label);
}

/** @param {Server.Named} segment */
export const segmentName = (segment) => segment.action ?? labelName(segment.label);

/** @param {number | null} label */
const labelName = (label) => (label === null || label === undefined ? "no label" : `label ${label}`);

/**
 * The query's name for a clip or moment, as the command line takes it.
 * @param {Page.Row} row
 */
export function clipWord(row) {
  const moment = row.start_s !== undefined ? `@${trim(row.start_s)}-${trim(row.end_s)}` : "";
  return clipName(row) + moment;
}

/** @param {number} s */
const trim = (s) => String(Math.round(1000 * s) / 1000);

/**
 * Whether a hit is the clip that asked.
 * @type {(query: Server.AskedClip, hit: Page.Row) => boolean}
 */
export const isItself = (query, hit) => Boolean(hit.is_query) || (hit.start_frame === undefined && known(query.clip_id) && query.clip_id === clipId(hit));

/**
 * "right", "wrong", or null where the query or the hit has no label, or the hit is the query itself.
 * @param {Server.AskedClip} query
 * @param {Page.Row} hit
 * @returns {Page.Verdict | null}
 */
export function verdict(query, hit) {
  if (isItself(query, hit)) return null;
  if (hit.start_frame === undefined) return judged(query, hit);
  if (!hit.segment) return query.action || known(query.label) ? "wrong" : null;
  return judged(query, hit.segment);
}

/**
 * By name where both have one, else by label.
 * @param {Server.Named} query
 * @param {Server.Named} found
 * @returns {Page.Verdict | null}
 */
function judged(query, found) {
  if (query.action && found.action) return found.action === query.action ? "right" : "wrong";
  if (known(query.label) && known(found.label)) return query.label === found.label ? "right" : "wrong";
  return null;
}

/**
 * @template T
 * @param {T} value
 * @returns {value is NonNullable<T>}
 */
const known = (value) => value !== null && value !== undefined;

/**
 * Who, where and how long, as short words.
 * @param {Page.Row} row
 */
export function facts(row) {
  const words = [];
  if (row.start_s !== undefined) words.push(`${clockTime(row.start_s)} – ${clockTime(row.end_s)}`);
  else if (known(row.frames)) words.push(`${(row.frames / 30).toFixed(1)} s`);
  if (known(row.subject)) words.push(`subject ${row.subject}`);
  if (known(row.camera)) words.push(`camera ${row.camera}`);
  if (known(row.setup)) words.push(`setup ${row.setup}`);
  if (known(row.replication) && Number(row.replication) > 1) words.push(`take ${row.replication}`);
  return words.map((word) => word.replaceAll(" ", "\u00a0"));
}
