/** Pointer and wheel over a scatter: dragging moves it, the wheel and two fingers zoom, a press chooses a point. */

const FINGER_PX = 24;

/**
 * `over`: the point under the pointer, -1 where there is none; `pressed`: the point chosen, and whether by a mouse.
 * @typedef {object} Calls
 * @property {(at: number) => void} over
 * @property {() => void} moved
 * @property {(at: number, isMouse: boolean) => void} pressed
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./scatter.js").Scatter} scatter
 * @param {Calls} calls
 */
export function pointing(canvas, scatter, calls) {
  /** @type {Map<number, Page.Place>} */
  const down = new Map();
  let moved = 0;
  /** @type {(event: MouseEvent) => Page.Place} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, place(event));
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      calls.over(scatter.near(...here));
      scatter.point(scatter.near(...here));
      return;
    }
    const other = [...down.entries()].find(([id]) => id !== event.pointerId)?.[1];
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (other) pinch(scatter, before, here, other);
    else scatter.pan(dx, dy);
    down.set(event.pointerId, here);
    calls.moved();
  });
  canvas.addEventListener("pointerup", (event) => {
    const clicked = down.size === 1 && moved < 5;
    down.delete(event.pointerId);
    if (!clicked) return;
    const isMouse = event.pointerType === "mouse";
    const at = scatter.near(...place(event), isMouse ? undefined : FINGER_PX);
    scatter.point(at);
    calls.pressed(at, isMouse);
  });
  canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => {
    if (!down.size) calls.over(-1);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    scatter.zoomAt(...place(event), Math.exp(-event.deltaY * 0.0015));
    calls.moved();
  }, { passive: false });
}

/**
 * @param {import("./scatter.js").Scatter} scatter
 * @param {Page.Place} before
 * @param {Page.Place} here
 * @param {Page.Place} other
 */
function pinch(scatter, before, here, other) {
  /** @param {Page.Place} place */
  const apart = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
  scatter.zoomAt((here[0] + other[0]) / 2, (here[1] + other[1]) / 2, apart(here) / apart(before));
}
