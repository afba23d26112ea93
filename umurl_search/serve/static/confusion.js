/** A confusion matrix on a canvas: rows are true, columns found; a cell can be pointed at, walked to and opened. */

import { fill, fit, h, pen, shortened } from "./dom.js";
import { rgb } from "./draw.js";
import { count, percent } from "./format.js";

const LABELS_FROM_PX = 11;
const MARGIN_PX = 118;

export class ConfusionMatrix {
  /**
   * @param {string[]} classes
   * @param {number[][]} counts
   * @param {(row: number, column: number) => void} onOpen
   */
  constructor(classes, counts, onOpen) {
    this.classes = classes;
    this.counts = counts;
    this.onOpen = onOpen;
    this.width = this.cell = 0;
    /** @type {Page.Cell | null} */
    this.at = null;
    /** @type {Page.Cell | null} */
    this.marked = null;
    this.sums = counts.map((row) => row.reduce((sum, n) => sum + n, 0));
    this.canvas = h("canvas", { tabindex: 0, role: "img", class: "confusion", "aria-label": `Confusion of ${classes.length} classes; arrows walk, Enter opens a cell` });
    this.note = h("p", { class: "quiet cell-note", "aria-live": "polite" });
    this.element = h("div", { class: "confusion-box" }, this.canvas, this.note);
    this.canvas.addEventListener("pointermove", (event) => this.point(this.cellAt(event)));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("click", (event) => this.open(this.cellAt(event)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.say();
  }

  get margin() {
    return this.width < 420 || this.cell < LABELS_FROM_PX ? 0 : MARGIN_PX;
  }

  draw() {
    this.width = Math.min(this.element.clientWidth, 720);
    if (!this.width) return;
    const n = this.classes.length;
    this.cell = Math.max(1, (this.width - MARGIN_PX) / n);
    const margin = this.margin;
    this.cell = Math.max(1, (this.width - margin) / n);
    const side = margin + this.cell * n;
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${side}px`;
    const scale = fit(this.canvas, this.width, side);
    const context = pen(this.canvas);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, this.width, side);
    this.paint(context, margin);
    if (margin) this.paintNames(context, margin);
    this.paintMarks(context, margin);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} margin
   */
  paint(context, margin) {
    const style = getComputedStyle(document.documentElement);
    const [right, wrong, low] = ["--right", "--wrong", "--panel"].map((name) => rgb(style.getPropertyValue(name).trim()));
    const gap = this.cell > 6 ? 1 : 0;
    for (let row = 0; row < this.classes.length; row++) {
      for (let column = 0; column < this.classes.length; column++) {
        const share = this.sums[row] ? this.counts[row][column] / this.sums[row] : 0;
        const weight = share ? 0.1 + 0.9 * Math.sqrt(share) : 0.035;
        const ink = row === column ? right : wrong;
        context.fillStyle = `rgb(${low.map((v, i) => Math.round(v + (ink[i] - v) * (share ? weight : 0.045))).join(" ")})`;
        context.fillRect(margin + column * this.cell, margin + row * this.cell, this.cell - gap, this.cell - gap);
      }
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} margin
   */
  paintNames(context, margin) {
    const style = getComputedStyle(document.documentElement);
    context.fillStyle = style.getPropertyValue("--quiet");
    context.font = `${Math.min(12, this.cell * 0.85)}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    this.classes.forEach((name, i) => {
      const middle = margin + (i + 0.5) * this.cell;
      const short = shortened(context, name, margin - 8);
      context.textAlign = "right";
      context.fillText(short, margin - 6, middle);
      context.save();
      context.translate(middle, margin - 6);
      context.rotate(-Math.PI / 2);
      context.textAlign = "left";
      context.fillText(short, 0, 0);
      context.restore();
    });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} margin
   */
  paintMarks(context, margin) {
    const style = getComputedStyle(document.documentElement);
    /** @type {[Page.Cell | null, string][]} */
    const marks = [[this.marked, "--accent"], [this.at, "--ink"]];
    for (const [cell, name] of marks) {
      if (!cell) continue;
      context.strokeStyle = style.getPropertyValue(name);
      context.lineWidth = 2;
      const size = Math.max(6, this.cell);
      context.strokeRect(margin + cell[1] * this.cell - 1, margin + cell[0] * this.cell - 1, size + 1, size + 1);
    }
  }

  /**
   * @param {MouseEvent} event
   * @returns {Page.Cell | null}
   */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - this.margin) / this.cell);
    const row = Math.floor((event.clientY - box.top - this.margin) / this.cell);
    const n = this.classes.length;
    return row >= 0 && column >= 0 && row < n && column < n ? [row, column] : null;
  }

  /** @param {Page.Cell | null} cell */
  point(cell) {
    if (String(cell) === String(this.at)) return;
    this.at = cell;
    this.say();
    this.draw();
  }

  say() {
    if (!this.at) {
      fill(this.note, "Rows: what is done; columns: what was found. Point at a cell; click to see its clips.");
      return;
    }
    const [row, column] = this.at;
    const n = this.counts[row][column];
    const words = row === column ? `${this.classes[row]}: found right` : `${this.classes[row]} taken for ${this.classes[column]}`;
    fill(this.note, h("strong", {}, words), ` ${count(n)} of ${count(this.sums[row])}, ${percent(this.sums[row] ? n / this.sums[row] : 0)}`);
  }

  /** @param {Page.Cell | null} cell */
  mark(cell) {
    this.marked = cell;
    this.draw();
  }

  /** @param {Page.Cell | null} cell */
  open(cell) {
    if (cell) this.onOpen(cell[0], cell[1]);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, Page.Cell>} */
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (step) {
      const from = this.at ?? this.marked ?? [0, 0];
      const most = this.classes.length - 1;
      this.point([Math.max(0, Math.min(most, from[0] + step[0])), Math.max(0, Math.min(most, from[1] + step[1]))]);
    } else if (event.key === "Enter") this.open(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
