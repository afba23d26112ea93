/** Many points on a canvas, written as pixels; a grid finds the one pointed at. */

import { fit, pen } from "./dom.js";
import { rgb } from "./draw.js";
import { pixel } from "./palette.js";

const CELLS = 256;
const NEAR_PX = 12;
const HOVER_PX = 7;

export class Scatter {
  /**
   * xy: (N, 2) in [-1, 1].
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} xy
   */
  constructor(canvas, xy) {
    this.canvas = canvas;
    this.xy = xy;
    this.n = xy.length / 2;
    this.x = this.y = 0;
    this.zoom = this.scale = 1;
    this.at = -1;
    this.dirty = true;
    this.context = pen(canvas, { alpha: false });
    this.paper = 0;
    this.image = this.context.createImageData(1, 1);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.colours = new Uint32Array(this.n);
    this.shown = new Uint8Array(this.n).fill(1);
    this.grid = gridOf(xy);
    /** @type {number[]} */
    this.frames_ms = [];
    this.resize();
  }

  /**
   * codes: (N) uint16, 65535 for none; colours: three numbers a code; hidden: codes not drawn.
   * @param {Uint16Array} codes
   * @param {Page.Colour[]} colours
   * @param {Set<number>} hidden
   */
  paintBy(codes, colours, hidden) {
    const none = pixel(this.faint);
    const pixels = colours.map(pixel);
    for (let i = 0; i < this.n; i++) {
      const code = codes[i];
      this.colours[i] = code < pixels.length ? pixels[code] : none;
      this.shown[i] = hidden.has(code) ? 0 : 1;
    }
    this.dirty = true;
  }

  get faint() {
    return rgb(getComputedStyle(document.documentElement).getPropertyValue("--grid").trim());
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    this.scale = fit(this.canvas, box.width, box.height, 1.5);
    const { width, height } = this.canvas;
    if (this.image.width !== width || this.image.height !== height) {
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.paper = pixel(rgb(getComputedStyle(document.documentElement).getPropertyValue("--stage").trim()));
    this.dirty = true;
  }

  /** Canvas pixels a unit. */
  get unit() {
    return 0.47 * Math.min(this.canvas.width, this.canvas.height) * this.zoom;
  }

  draw() {
    if (!this.dirty) return false;
    this.dirty = false;
    const begun = performance.now();
    this.pixels.fill(this.paper);
    this.write();
    this.context.putImageData(this.image, 0, 0);
    if (this.at >= 0) this.ring(this.at);
    this.frames_ms.push(performance.now() - begun);
    return true;
  }

  write() {
    const { width, height } = this.canvas;
    const { xy, colours, shown, pixels, unit } = this;
    const size = Math.max(2, Math.min(7, Math.round(this.scale * (this.n > 20000 ? 1.6 : this.n > 5000 ? 3 : 4) * Math.sqrt(this.zoom))));
    const [left, top] = [width / 2 - this.x * unit - size / 2, height / 2 + this.y * unit - size / 2];
    for (let i = 0; i < this.n; i++) {
      if (!shown[i]) continue;
      const px = (left + xy[2 * i] * unit) | 0;
      const py = (top - xy[2 * i + 1] * unit) | 0;
      if (px < 0 || py < 0 || px + size > width || py + size > height) continue;
      const colour = colours[i];
      for (let row = py * width + px, end = row + size * width; row < end; row += width) pixels.fill(colour, row, row + size);
    }
  }

  /** @param {number} i */
  ring(i) {
    const [px, py] = this.toCanvas(i);
    const { context, scale } = this;
    context.beginPath();
    context.arc(px, py, HOVER_PX * scale, 0, 2 * Math.PI);
    context.lineWidth = 2 * scale;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    context.stroke();
  }

  /**
   * @param {number} i
   * @returns {[number, number]}
   */
  toCanvas(i) {
    const { width, height } = this.canvas;
    return [width / 2 + (this.xy[2 * i] - this.x) * this.unit, height / 2 - (this.xy[2 * i + 1] - this.y) * this.unit];
  }

  /**
   * A place in CSS pixels of the canvas, in the map's units.
   * @param {number} cssX
   * @param {number} cssY
   */
  toMap(cssX, cssY) {
    const { width, height } = this.canvas;
    return [this.x + (cssX * this.scale - width / 2) / this.unit, this.y - (cssY * this.scale - height / 2) / this.unit];
  }

  /**
   * The shown point nearest a place in CSS pixels, within reach; -1 if none.
   * @param {number} cssX
   * @param {number} cssY
   * @param {number} [reach_px]
   */
  near(cssX, cssY, reach_px = NEAR_PX) {
    const [x, y] = this.toMap(cssX, cssY);
    return nearest(this, x, y, (reach_px * this.scale) / this.unit);
  }

  /**
   * @param {number} cssDx
   * @param {number} cssDy
   */
  pan(cssDx, cssDy) {
    this.move(this.x - (cssDx * this.scale) / this.unit, this.y + (cssDy * this.scale) / this.unit, this.zoom);
  }

  /**
   * Nearer or farther, the map's place under the pointer staying there.
   * @param {number} cssX
   * @param {number} cssY
   * @param {number} factor
   */
  zoomAt(cssX, cssY, factor) {
    const [x, y] = this.toMap(cssX, cssY);
    const zoom = Math.max(0.7, Math.min(200, this.zoom * factor));
    const share = this.zoom / zoom;
    this.move(x + (this.x - x) * share, y + (this.y - y) * share, zoom);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} zoom
   */
  move(x, y, zoom) {
    this.x = Math.max(-1.2, Math.min(1.2, x));
    this.y = Math.max(-1.2, Math.min(1.2, y));
    this.zoom = zoom;
    this.dirty = true;
  }

  /** @param {number} at */
  point(at) {
    if (at === this.at) return;
    this.at = at;
    this.dirty = true;
  }
}

/** @param {number} value */
const cellOf = (value) => Math.max(0, Math.min(CELLS - 1, Math.floor(((value + 1) / 2) * CELLS)));

/**
 * Points in order of their cell, and where each cell begins: a counting sort.
 * @param {Float32Array} xy
 */
function gridOf(xy) {
  const n = xy.length / 2;
  const starts = new Uint32Array(CELLS * CELLS + 1);
  const cells = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    cells[i] = cellOf(xy[2 * i + 1]) * CELLS + cellOf(xy[2 * i]);
    starts[cells[i] + 1]++;
  }
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const order = new Uint32Array(n);
  const next = starts.slice(0, -1);
  for (let i = 0; i < n; i++) order[next[cells[i]]++] = i;
  return { starts, order };
}

/**
 * @param {Scatter} scatter
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 */
function nearest(scatter, x, y, reach) {
  const { xy, shown, grid } = scatter;
  let [best, least] = [-1, reach * reach];
  for (let row = cellOf(y - reach); row <= cellOf(y + reach); row++) {
    for (let column = cellOf(x - reach); column <= cellOf(x + reach); column++) {
      const cell = row * CELLS + column;
      for (let k = grid.starts[cell]; k < grid.starts[cell + 1]; k++) {
        const i = grid.order[k];
        const far = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
        if (far < least && shown[i]) [best, least] = [i, far];
      }
    }
  }
  return best;
}
