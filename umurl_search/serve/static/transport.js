/** Play, pause, speed and the place in time, for all that plays; the orbit's keys. */

import { h, icon } from "./dom.js";
import { home, turn, zoomBy } from "./orbit.js";
import { clock, FPS, onTime, seek, setPlaying, setSpeed } from "./player.js";

const PLAY = "M5 3l8 5-8 5z";
const PAUSE = "M5 3v10M11 3v10";
const SPEEDS = [0.25, 0.5, 1, 2];
const SHOWN_EVERY_MS = 90;

/**
 * The bar at the foot of a view; `extra`: further things in it.
 * @param {...Page.Child} extra
 */
export function transport(...extra) {
  const play = h("button", { type: "button", class: "icon play", onclick: () => setPlaying(!clock.playing) });
  const place = h("input", { type: "range", min: 0, max: 1000, step: 1, value: 0, class: "place", "aria-label": "Place in time" });
  const time = h("output", { class: "time" });
  const speed = h(
    "select", { "aria-label": "Speed", title: "Speed", onchange: (event) => setSpeed(Number(event.currentTarget.value)) },
    SPEEDS.map((one) => h("option", { value: one, selected: one === clock.speed }, one === 1 ? "true speed" : `${one}×`)),
  );
  place.addEventListener("input", () => {
    setPlaying(false);
    seek((Number(place.value) / 1000) * clock.period_s);
  });
  const reset = h("button", { type: "button", class: "plain", onclick: home, title: "Drag a skeleton to turn all; here: back to the first view" }, "Reset view");
  const bar = h("div", { class: "transport", role: "group", "aria-label": "Playback" }, play, place, time, speed, reset, ...extra);
  const show = shown(play, place, time);
  const stop = onTime(show);
  show();
  return Object.assign(bar, { stop });
}

/**
 * @param {HTMLButtonElement} play
 * @param {HTMLInputElement} place
 * @param {HTMLOutputElement} time
 */
function shown(play, place, time) {
  /** @type {boolean | null} */
  let playing = null;
  let late = 0;
  return () => {
    if (playing !== clock.playing) {
      playing = clock.playing;
      play.replaceChildren(icon(playing ? PAUSE : PLAY));
      play.setAttribute("aria-label", playing ? "Pause" : "Play");
      play.title = playing ? "Pause (space)" : "Play (space)";
      late = 0;
    }
    const now = performance.now();
    if (clock.playing && now < late) return;
    late = now + SHOWN_EVERY_MS;
    place.value = String(Math.round((1000 * clock.time_s) / clock.period_s));
    const text = `${clock.time_s.toFixed(1)} s`;
    place.setAttribute("aria-valuetext", text);
    time.value = text;
  };
}

/**
 * Keys of what plays; true where one was used.
 * @param {KeyboardEvent} event
 */
export function playerKey(event) {
  /** @param {number} by */
  const frame = (by) => () => {
    setPlaying(false);
    seek(Math.round(clock.time_s * FPS + by) / FPS);
  };
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": () => setPlaying(!clock.playing),
    ",": frame(-1), ".": frame(1),
    "[": () => turn(-0.2, 0), "]": () => turn(0.2, 0),
    "+": () => zoomBy(1.15), "=": () => zoomBy(1.15), "-": () => zoomBy(1 / 1.15), "0": home,
  };
  const call = keys[event.key];
  call?.();
  return Boolean(call);
}
