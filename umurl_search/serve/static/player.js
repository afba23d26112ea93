/** One clock for all skeletons: what is on screen is drawn on it, 30 frames a second, in step. */

import { asError, isAbort } from "./api.js";
import { fit, pen } from "./dom.js";
import { drawFrame } from "./draw.js";
import { motion } from "./motion.js";
import { orbit } from "./orbit.js";

export const FPS = 30;
const PAUSE_S = 0.5;
const LONGEST_STEP_S = 0.25;
const AT_ONCE = 6;

const stills = window.matchMedia("(prefers-reduced-motion: reduce)");

/** time_s runs from 0 to period_s (the longest clip and a short rest), then starts again for all. */
export const clock = { time_s: 0, period_s: 1, speed: 1, playing: !stills.matches, version: 0 };
export const stats = { ticks: 0, draws: 0, busy_ms: 0 };

/** @type {Set<Figure>} */
const figures = new Set();
/** @type {Set<(now: typeof clock) => void>} */
const listeners = new Set();
/** @type {Figure[]} */
const waiting = [];
let loading = 0;
let last = 0;
let running = false;

/** @param {Element} element */
const figureOn = (element) => (element instanceof HTMLCanvasElement ? element.figure : null);
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) figureOn(entry.target)?.seen(entry.isIntersecting);
  },
  { rootMargin: "120px" },
);
const sized = new ResizeObserver((entries) => {
  for (const entry of entries) figureOn(entry.target)?.resized(entry.contentRect);
});

/** A canvas on which a motion plays. Its frames are asked for once it comes on screen. */
export class Figure {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} url
   * @param {{ onLoad?: (motion: Page.Motion) => void, onError?: (error: Error) => void, own?: (() => number) | null }} [options]
   */
  constructor(canvas, url, { onLoad = () => {}, onError = () => {}, own = null } = {}) {
    this.canvas = canvas;
    this.url = url;
    this.onLoad = onLoad;
    this.onError = onError;
    this.own = own;
    this.context = pen(canvas, { alpha: false });
    /** @type {Page.Motion | null} */
    this.motion = null;
    this.visible = false;
    /** @type {{ abort: () => void } | null} */
    this.asked = null;
    this.drawn = "";
    this.width = this.height = 0;
    canvas.figure = this;
    figures.add(this);
    seen.observe(canvas);
    sized.observe(canvas);
    start();
  }

  /** @param {boolean} visible */
  seen(visible) {
    this.visible = visible;
    if (visible && !this.motion && !this.asked) queue(this);
  }

  /** @param {DOMRectReadOnly} rectangle */
  resized(rectangle) {
    [this.width, this.height] = [rectangle.width, rectangle.height];
    this.drawn = "";
  }

  async load() {
    const asked = new AbortController();
    this.asked = asked;
    try {
      this.motion = await motion(this.url, { signal: asked.signal });
    } catch (error) {
      if (!isAbort(error)) this.onError(asError(error));
      return;
    }
    measurePeriod();
    this.drawn = "";
    this.onLoad(this.motion);
  }

  get duration_s() {
    return this.motion ? this.motion.frames / FPS : 0;
  }

  /**
   * Draws the frame that the clock says, unless it is there already.
   * @param {number} time_s
   */
  draw(time_s) {
    if (!this.visible || !this.motion || !this.width) return;
    const at = Math.max(0, Math.min(this.motion.frames - 1, Math.floor((this.own ? this.own() : time_s) * FPS + 1e-6)));
    const mark = `${at} ${orbit.version}`;
    if (mark === this.drawn) return;
    this.drawn = mark;
    const scale = fit(this.canvas, this.width, this.height);
    drawFrame(this.context, this.motion, at, this.canvas.width, this.canvas.height, scale);
    stats.draws++;
  }

  remove() {
    this.asked?.abort();
    figures.delete(this);
    seen.unobserve(this.canvas);
    sized.unobserve(this.canvas);
    this.canvas.figure = null;
    measurePeriod();
  }
}

/**
 * No more than a few clips are asked for at once; those that left the screen wait no longer.
 * @param {Figure} figure
 */
function queue(figure) {
  figure.asked = { abort() {} };
  waiting.push(figure);
  next();
}

function next() {
  while (loading < AT_ONCE && waiting.length) {
    const figure = waiting.shift();
    if (!figure || !figures.has(figure)) continue;
    if (!figure.visible) {
      figure.asked = null;
      continue;
    }
    loading++;
    figure.load().finally(() => {
      loading--;
      next();
    });
  }
}

/** Forgets all figures: a view leaves. */
export function clear() {
  for (const figure of [...figures]) figure.remove();
  waiting.length = 0;
  clock.time_s = 0;
}

function measurePeriod() {
  let longest = 0;
  for (const figure of figures) if (!figure.own) longest = Math.max(longest, figure.duration_s);
  clock.period_s = longest ? longest + PAUSE_S : 1;
  tell();
}

/**
 * Calls back whenever the clock moved or was set.
 * @param {(now: typeof clock) => void} call
 */
export function onTime(call) {
  listeners.add(call);
  return () => listeners.delete(call);
}

function tell() {
  for (const call of listeners) call(clock);
}

/** @param {boolean} playing */
export function setPlaying(playing) {
  clock.playing = playing;
  tell();
}

/** @param {number} time_s */
export function seek(time_s) {
  clock.time_s = Math.max(0, Math.min(clock.period_s, time_s));
  tell();
}

/** @param {number} speed */
export function setSpeed(speed) {
  clock.speed = speed;
  tell();
}

/** Back to the first frame, for all: new results begin together. */
export function restart() {
  seek(0);
}

function start() {
  if (running) return;
  running = true;
  last = performance.now();
  requestAnimationFrame(tick);
}

/** @param {number} now */
function tick(now) {
  if (!figures.size && !listeners.size) {
    running = false;
    return;
  }
  const step_s = Math.min(LONGEST_STEP_S, Math.max(0, (now - last) / 1000));
  last = now;
  if (clock.playing) {
    clock.time_s += step_s * clock.speed;
    if (clock.time_s >= clock.period_s) clock.time_s %= clock.period_s;
    tell();
  }
  const begun = performance.now();
  for (const figure of figures) figure.draw(clock.time_s);
  stats.busy_ms += performance.now() - begun;
  stats.ticks++;
  requestAnimationFrame(tick);
}

stills.addEventListener("change", () => setPlaying(!stills.matches));
