/** Where all skeletons are seen from: one orbit, shared; dragging turns it. */

const HOME = { yaw: -0.45, pitch: 0.2, zoom: 1 };
const STEEPEST = 1.45;
const CLICK_PX = 5;

export const orbit = { ...HOME, version: 0 };

/**
 * @param {number} yaw
 * @param {number} pitch
 */
export function turn(yaw, pitch) {
  orbit.yaw += yaw;
  orbit.pitch = Math.min(STEEPEST, Math.max(-0.3, orbit.pitch + pitch));
  orbit.version++;
}

/** @param {number} factor */
export function zoomBy(factor) {
  orbit.zoom = Math.min(4, Math.max(0.4, orbit.zoom * factor));
  orbit.version++;
}

export function home() {
  Object.assign(orbit, HOME);
  orbit.version++;
}

/**
 * Dragging over an element turns the orbit; a press that does not move is `onPress`.
 * @param {HTMLElement} element
 * @param {((event: PointerEvent) => void) | null} onPress
 */
export function draggable(element, onPress = null) {
  /** @type {[number, number] | null} */
  let from = null;
  let moved = 0;
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = [event.clientX, event.clientY];
    moved = 0;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
    from = [event.clientX, event.clientY];
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > CLICK_PX) turn(dx * 0.01, dy * 0.008);
  });
  element.addEventListener("pointerup", (event) => {
    if (from && moved <= CLICK_PX) onPress?.(event);
    from = null;
  });
  element.addEventListener("pointercancel", () => {
    from = null;
  });
  element.addEventListener("dblclick", home);
}
