/** The similarity of a query along a recording, drawn: a curve, its peaks, the labelled segments, where it plays. */

import { fit, h, pen, shortened } from "./dom.js";
import { rgb } from "./draw.js";
import { clockTime, segmentName } from "./format.js";
import { categories, css } from "./palette.js";

const CURVE_PX = 130;
const BAND_PX = 26;
const AXIS_PX = 20;
const TOP_PX = 20;
const MARKED = 8;
const SHADED = 4;
const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/**
 * Colours by their name in the style sheet.
 * @typedef {Record<string, string>} Ink
 */

export class Track {
  /**
   * `answer`: the server's document; `onSeek(seconds)` when a place is chosen.
   * @param {Server.Timeline} answer
   * @param {(s: number) => void} onSeek
   */
  constructor(answer, onSeek) {
    this.answer = answer;
    this.onSeek = onSeek;
    this.length_s = answer.frames / answer.fps;
    this.at_s = this.width = 0;
    this.scale = 1;
    this.curve = curveOf(answer);
    this.actions = [...new Set(answer.segments.map(segmentName))].sort();
    this.colours = categories(this.actions.length);
    this.still = document.createElement("canvas");
    this.canvas = h("canvas", { class: "track", tabindex: 0, role: "slider", "aria-label": "Place in the recording", "aria-valuemin": 0, "aria-valuemax": Math.round(this.length_s) });
    this.tip = h("div", { class: "tip", hidden: true });
    this.element = h("div", { class: "track-box" }, this.canvas, this.tip);
    let pressed = false;
    /** @param {PointerEvent} event */
    const seek = (event) => onSeek(this.timeAt(event));
    this.canvas.addEventListener("pointerdown", (event) => {
      pressed = true;
      this.canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      this.point(event);
      if (pressed) seek(event);
    });
    this.canvas.addEventListener("pointerup", () => {
      pressed = false;
    });
    this.canvas.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.element);
  }

  get height() {
    return TOP_PX + CURVE_PX + BAND_PX + AXIS_PX;
  }

  /** @param {PointerEvent} event */
  timeAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return Math.max(0, Math.min(this.length_s, ((event.clientX - box.left) / box.width) * this.length_s));
  }

  /** @param {number} s */
  xOf(s) {
    return (s / this.length_s) * this.width;
  }

  /** @param {number} value */
  yOf(value) {
    const { low, high } = this.curve;
    return TOP_PX + CURVE_PX * (1 - (value - low) / (high - low));
  }

  /** All that stands still, on a canvas of its own; the playhead goes over it. */
  draw() {
    this.width = this.element.clientWidth;
    if (!this.width) return;
    this.canvas.style.height = `${this.height}px`;
    this.scale = fit(this.canvas, this.width, this.height);
    fit(this.still, this.width, this.height);
    const context = pen(this.still);
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const style = getComputedStyle(document.documentElement);
    const ink = Object.fromEntries(["--accent", "--quiet", "--rule", "--ink", "--panel", "--warm"].map((name) => [name, style.getPropertyValue(name).trim()]));
    this.drawAxis(context, ink);
    this.drawSegments(context, ink);
    this.drawCurve(context, ink);
    this.drawPeaks(context, ink);
    this.playhead(this.at_s, true);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Ink} ink
   */
  drawAxis(context, ink) {
    const step = STEPS_S.find((one) => this.xOf(one) >= 56) ?? 1200;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "bottom";
    context.textAlign = "left";
    for (let s = 0; s <= this.length_s; s += step) {
      const x = Math.round(this.xOf(s)) + 0.5;
      context.strokeStyle = ink["--rule"];
      context.beginPath();
      context.moveTo(x, TOP_PX);
      context.lineTo(x, this.height - AXIS_PX);
      context.stroke();
      context.fillStyle = ink["--quiet"];
      context.fillText(clockTime(s).replace(".0", ""), x + 2, this.height - 3);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Ink} ink
   */
  drawSegments(context, ink) {
    const top = TOP_PX + CURVE_PX + 4;
    context.textBaseline = "middle";
    for (const one of this.answer.segments) {
      const [x, end] = [one.start, one.stop].map((frame) => this.xOf(frame / this.answer.fps));
      const colour = this.colours[this.actions.indexOf(segmentName(one))];
      context.fillStyle = css(colour);
      context.globalAlpha = 0.3;
      context.fillRect(x, top, Math.max(1, end - x - 1), BAND_PX - 6);
      context.globalAlpha = 1;
      context.fillRect(x, top, 2, BAND_PX - 6);
      if (end - x < 34) continue;
      context.fillStyle = ink["--ink"];
      context.fillText(shortened(context, segmentName(one), end - x - 7), x + 5, top + (BAND_PX - 6) / 2);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Ink} ink
   */
  drawCurve(context, ink) {
    const { points } = this.curve;
    if (!points.length) return;
    context.beginPath();
    for (const [s, value] of points) context.lineTo(this.xOf(s), this.yOf(value)); // the first begins the line
    context.strokeStyle = ink["--accent"];
    context.fillStyle = ink["--quiet"];
    context.textBaseline = "top";
    context.fillText(this.curve.high.toFixed(3), 3, TOP_PX + 2);
    context.textBaseline = "bottom";
    context.fillText(this.curve.low.toFixed(3), 3, TOP_PX + CURVE_PX - 2);
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.stroke();
    context.lineTo(this.xOf(points[points.length - 1][0]), TOP_PX + CURVE_PX);
    context.lineTo(this.xOf(points[0][0]), TOP_PX + CURVE_PX);
    const [r, g, b] = rgb(ink["--accent"]);
    context.fillStyle = `rgb(${r} ${g} ${b} / 0.12)`;
    context.fill();
    context.lineWidth = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Ink} ink
   */
  drawPeaks(context, ink) {
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = "600 10px system-ui, sans-serif";
    this.answer.peaks.slice(0, MARKED).reverse().forEach((one, i, all) => {
      const rank = all.length - i;
      const [start, stop] = [one.start, one.stop].map((frame) => frame / this.answer.fps);
      const [x, y] = [this.xOf((start + stop) / 2), this.yOf(one.score)];
      const [r, g, b] = rgb(ink["--warm"]);
      if (rank <= SHADED) {
        context.fillStyle = `rgb(${r} ${g} ${b} / 0.14)`;
        context.fillRect(this.xOf(start), TOP_PX, this.xOf(stop) - this.xOf(start), CURVE_PX);
      }
      context.fillStyle = ink["--warm"];
      context.beginPath();
      context.arc(x, Math.max(10, y - 3), 8, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = ink["--panel"];
      context.fillText(String(rank), x, Math.max(10, y - 3) + 0.5);
    });
    context.textAlign = "left";
  }

  /**
   * @param {number} at_s
   * @param {boolean} anew
   */
  playhead(at_s, anew = false) {
    if (!this.width || (!anew && at_s === this.at_s)) return;
    this.at_s = at_s;
    const context = pen(this.canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.still, 0, 0);
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--ink");
    context.fillRect(Math.round(this.xOf(at_s) * this.scale) - this.scale, 0, 2 * this.scale, (this.height - AXIS_PX) * this.scale);
    this.canvas.setAttribute("aria-valuenow", at_s.toFixed(1));
    const segment = this.segmentAt(at_s);
    this.canvas.setAttribute("aria-valuetext", `${clockTime(at_s)}${segment ? `, ${segmentName(segment)}` : ""}`);
  }

  /** @param {number} s */
  segmentAt(s) {
    const frame = s * this.answer.fps;
    return this.answer.segments.find((one) => one.start <= frame && frame < one.stop) ?? null;
  }

  /** @param {PointerEvent} event */
  point(event) {
    const s = this.timeAt(event);
    const near = this.curve.points.reduce((best, one) => (Math.abs(one[0] - s) < Math.abs(best[0] - s) ? one : best), [Infinity, 0]);
    const segment = this.segmentAt(s);
    this.tip.textContent = `${clockTime(s)} · ${near[1].toFixed(3)}${segment ? ` · ${segmentName(segment)}` : ""}`;
    this.tip.hidden = false;
    const x = this.xOf(s);
    this.tip.style.left = `${Math.min(x + 10, this.width - this.tip.offsetWidth - 4)}px`;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -0.5, ArrowRight: 0.5, PageUp: -5, PageDown: 5, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.onSeek(Math.max(0, Math.min(this.length_s, this.at_s + steps[event.key])));
  }
}

/**
 * The best score at each window's middle, and the range that is drawn.
 * @param {Server.Timeline} answer
 */
function curveOf(answer) {
  /** @type {Map<number, number>} */
  const best = new Map();
  for (const one of answer.windows) {
    const middle = (one.start + one.stop) / 2 / answer.fps;
    best.set(middle, Math.max(best.get(middle) ?? -Infinity, one.score));
  }
  const points = [...best].sort((a, b) => a[0] - b[0]);
  const values = points.map((one) => one[1]);
  const [low, high] = [Math.min(...values, 1), Math.max(...values, -1)];
  const room = Math.max(0.01, (high - low) * 0.06);
  return { points, low: low - room, high: high + room };
}
