/** What is shown while there is nothing yet, nothing at all, or something went wrong. */

import { asError } from "./api.js";
import { h } from "./dom.js";

export function loading(text = "Loading …") {
  return h("p", { class: "state loading", role: "status" }, h("span", { class: "spinner", "aria-hidden": true }), text);
}

/**
 * @param {unknown} error
 * @param {...Page.Child} ways
 */
export function failure(error, ...ways) {
  return h("div", { class: "state failed", role: "alert" }, h("strong", {}, "That did not work."), h("p", {}, asError(error).message), ways);
}

/**
 * `commands`: what to type to have something here.
 * @param {string} title
 * @param {string} text
 * @param {{ commands?: string[], ways?: Page.Child[] }} [options]
 */
export function empty(title, text, { commands = [], ways = [] } = {}) {
  return h(
    "div", { class: "state empty" },
    h("strong", {}, title), h("p", {}, text),
    commands.length > 0 && h("pre", {}, commands.join("\n")), ways.length > 0 && h("div", { class: "ways" }, ways),
  );
}

/** @param {string} text */
export function progress(text) {
  const bar = h("progress", { max: 1, "aria-label": text });
  const share = h("span", { class: "quiet" });
  const box = h("div", { class: "state loading", role: "status" }, h("span", {}, text), bar, share);
  /** @param {number} value */
  const set = (value) => {
    if (value > 0) bar.value = value;
    share.textContent = value > 0 ? `${Math.round(100 * value)} %` : "";
  };
  return Object.assign(box, { set });
}
