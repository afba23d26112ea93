/** One frame of a motion on a 2-D canvas: perspective by hand, far bones paler, two people in two colours. */

import { JOINTS } from "./motion.js";
import { orbit } from "./orbit.js";

const SHADES = 6;
const HEAD = 3;
const GRID_MM = 500;
const GRID_LINES = 3;
const MOST_PEOPLE = 2;

const px = new Float32Array(JOINTS * MOST_PEOPLE);
const py = new Float32Array(JOINTS * MOST_PEOPLE);
const depth = new Float32Array(JOINTS * MOST_PEOPLE);
const there = new Uint8Array(JOINTS * MOST_PEOPLE);
/** @type {number[][]} */
const bins = Array.from({ length: SHADES * MOST_PEOPLE }, () => []);

/** @type {{ paper: string, grid: string, shades: string[][] } | null} */
let colours = null;

/** The colours of the style sheet, read again after it changed. */
export function forgetColours() {
  colours = null;
  orbit.version++;
}

function palette() {
  if (colours) return colours;
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const value = (name) => rgb(style.getPropertyValue(name).trim());
  const paper = value("--stage");
  const shades = ["--person-1", "--person-2"].map((name) =>
    Array.from({ length: SHADES }, (_, i) => mixed(value(name), paper, 0.55 * (1 - i / (SHADES - 1)))),
  );
  colours = { paper: mixed(paper, paper, 0), grid: mixed(value("--grid"), paper, 0), shades };
  return colours;
}

/**
 * #rrggbb as three numbers.
 * @param {string} hex
 * @returns {Page.Colour}
 */
export function rgb(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return [r, g, b];
}

/** @type {(one: Page.Colour, other: Page.Colour, share: number) => string} */
const mixed = (one, other, share) => `rgb(${one.map((v, i) => Math.round(v + (other[i] - v) * share)).join(" ")})`;

/**
 * Draws frame `at` of a motion; width and height in the canvas's own pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {Page.Motion} motion
 * @param {number} at
 * @param {number} width
 * @param {number} height
 * @param {number} scale
 */
export function drawFrame(context, motion, at, width, height, scale) {
  const paint = palette();
  context.fillStyle = paint.paper;
  context.fillRect(0, 0, width, height);
  const view = viewOf(motion.box, width, height);
  if (!motion.box.flat) drawGround(context, view, paint.grid, scale);
  const near = project(motion, at, view);
  sortBones(motion, near);
  strokeBones(context, paint.shades, scale * Math.min(3.4, Math.max(1.5, Math.min(width, height) / scale / 70)));
  drawHeads(context, motion, paint.shades, near, view);
}

/**
 * @typedef {ReturnType<typeof viewOf>} View
 * @typedef {{ low: number, span: number }} Near
 */

/**
 * The orbit's view; of joints of a picture, that from straight ahead.
 * @param {Page.Box} box
 * @param {number} width
 * @param {number} height
 */
function viewOf(box, width, height) {
  const reach = Math.max(box.tall * 1.12, box.across * 0.72, 1300);
  const away = reach * 2.6;
  const [yaw, pitch] = box.flat ? [0, 0] : [orbit.yaw, orbit.pitch];
  return {
    box, reach, away,
    sinYaw: Math.sin(yaw), cosYaw: Math.cos(yaw), sinPitch: Math.sin(pitch), cosPitch: Math.cos(pitch),
    focus: (Math.min(width, height) * 0.93 * orbit.zoom * away) / reach,
    middleX: width / 2, middleY: height / 2,
  };
}

/**
 * A point's place on the canvas and its distance behind the middle (mm), into `out`: the viewer looks along +z.
 * @param {View} view
 * @param {number} x
 * @param {number} y
 * @param {number} z
 * @param {Float32Array} out
 */
function place(view, x, y, z, out) {
  const [dx, dy, dz] = [x - view.box.x, y - view.box.y, z - view.box.z];
  const across = dx * view.cosYaw + dz * view.sinYaw;
  const back = dz * view.cosYaw - dx * view.sinYaw;
  const up = dy * view.cosPitch + back * view.sinPitch;
  const behind = back * view.cosPitch - dy * view.sinPitch;
  const factor = view.focus / Math.max(view.away + behind, view.away * 0.1);
  out[0] = view.middleX - across * factor;
  out[1] = view.middleY - up * factor;
  out[2] = behind;
}

const spot = new Float32Array(3);
const other = new Float32Array(3);

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {string} colour
 * @param {number} scale
 */
function drawGround(context, view, colour, scale) {
  const side = GRID_MM * GRID_LINES;
  const [x0, z0, y] = [view.box.x, view.box.z, view.box.floor ?? 0];
  context.beginPath();
  for (let i = -GRID_LINES; i <= GRID_LINES; i++) {
    for (const along of [0, 1]) {
      const step = i * GRID_MM;
      place(view, x0 + (along ? step : -side), y, z0 + (along ? -side : step), spot);
      place(view, x0 + (along ? step : side), y, z0 + (along ? side : step), other);
      context.moveTo(spot[0], spot[1]);
      context.lineTo(other[0], other[1]);
    }
  }
  context.strokeStyle = colour;
  context.lineWidth = scale;
  context.stroke();
}

/**
 * All joints of a frame on the canvas; which are there; the nearest and farthest.
 * @param {Page.Motion} motion
 * @param {number} at
 * @param {View} view
 * @returns {Near}
 */
function project(motion, at, view) {
  const people = Math.min(motion.people, MOST_PEOPLE);
  const base = at * motion.people * JOINTS * 3;
  let [low, high] = [Infinity, -Infinity];
  for (let j = 0; j < people * JOINTS; j++) {
    const i = base + 3 * j;
    const [x, y, z] = [motion.data[i], motion.data[i + 1], motion.data[i + 2]];
    there[j] = x || y || z ? 1 : 0;
    if (!there[j]) continue;
    place(view, x, y, z, spot);
    [px[j], py[j], depth[j]] = spot;
    if (depth[j] < low) low = depth[j];
    if (depth[j] > high) high = depth[j];
  }
  return { low, span: Math.max(high - low, 300) };
}

/**
 * @param {number} behind
 * @param {Near} near
 */
function shadeOf(behind, near) {
  return Math.min(SHADES - 1, Math.max(0, Math.floor((1 - (behind - near.low) / near.span) * SHADES)));
}

/**
 * Bones into bins of person and shade, the far ones first.
 * @param {Page.Motion} motion
 * @param {Near} near
 */
function sortBones(motion, near) {
  for (const bin of bins) bin.length = 0;
  for (let person = 0; person < Math.min(motion.people, MOST_PEOPLE); person++) {
    for (const [one, two] of motion.bones) {
      const [a, b] = [person * JOINTS + one, person * JOINTS + two];
      if (!there[a] || !there[b]) continue;
      bins[shadeOf((depth[a] + depth[b]) / 2, near) * MOST_PEOPLE + person].push(a, b);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string[][]} shades
 * @param {number} width
 */
function strokeBones(context, shades, width) {
  context.lineCap = "round";
  context.lineWidth = width;
  for (let i = 0; i < bins.length; i++) {
    const bin = bins[i];
    if (!bin.length) continue;
    context.beginPath();
    for (let k = 0; k < bin.length; k += 2) {
      context.moveTo(px[bin[k]], py[bin[k]]);
      context.lineTo(px[bin[k + 1]], py[bin[k + 1]]);
    }
    context.strokeStyle = shades[i % MOST_PEOPLE][Math.floor(i / MOST_PEOPLE)];
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Page.Motion} motion
 * @param {string[][]} shades
 * @param {Near} near
 * @param {View} view
 */
function drawHeads(context, motion, shades, near, view) {
  for (let person = 0; person < Math.min(motion.people, MOST_PEOPLE); person++) {
    const j = person * JOINTS + HEAD;
    if (!there[j]) continue;
    const radius = (95 * view.focus) / Math.max(view.away + depth[j], view.away * 0.1);
    context.beginPath();
    context.arc(px[j], py[j], radius, 0, 2 * Math.PI);
    context.fillStyle = shades[person][shadeOf(depth[j], near)];
    context.fill();
  }
}
