/** Small choices that mirror the address: each has `set(value)`. */

import { MODALITIES, modalityName, modalityParts } from "./address.js";
import { fill, h, settled } from "./dom.js";

const BETWEEN_MS = 300; // from one press to the next, so that two of them ask once

/**
 * Any subset of joint, bone and motion, never none.
 * @param {(modality: string) => void} onChange
 * @param {{ label?: string }} [options]
 */
export function modalityChips(onChange, { label = "Modality of the query" } = {}) {
  const boxes = MODALITIES.map((name) => h("input", { type: "checkbox", value: name }));
  const group = h(
    "div", { class: "chips", role: "group", "aria-label": label },
    boxes.map((box) => h("label", { class: "chip" }, box, h("span", {}, box.value))),
  );
  const told = settled(() => onChange(modalityName(chosen())), BETWEEN_MS);
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  group.addEventListener("change", (event) => {
    if (chosen().length) told();
    else if (event.target instanceof HTMLInputElement) event.target.checked = true;
  });
  /** @param {string | null} name */
  const set = (name) => {
    const parts = modalityParts(name);
    for (const box of boxes) box.checked = parts.includes(box.value);
  };
  return Object.assign(group, { set });
}

/**
 * `options`: values, or [value, text].
 * @param {string} label
 * @param {readonly Page.Option[]} options
 * @param {(value: string) => void} onChange
 * @param {{ title?: string }} [shown]
 */
export function choice(label, options, onChange, { title = "" } = {}) {
  const select = h("select", { title });
  const field = h("label", { class: "field" }, h("span", {}, label), select);
  select.addEventListener("change", () => onChange(select.value));
  /** @param {readonly Page.Option[]} given */
  const offer = (given) => fill(select, given.map((one) => (typeof one === "string" ? h("option", { value: one }, one) : h("option", { value: one[0] }, one[1]))));
  /** @param {string | null} value */
  const set = (value) => {
    if (value && ![...select.options].some((one) => one.value === value)) select.append(h("option", { value }, value));
    select.value = value ?? select.options[0]?.value ?? "";
  };
  offer(options);
  return Object.assign(field, { offer, set });
}

/**
 * @param {string} label
 * @param {(on: boolean) => void} onChange
 * @param {{ title?: string }} [shown]
 */
export function tick(label, onChange, { title = "" } = {}) {
  const box = h("input", { type: "checkbox" });
  const field = h("label", { class: "tick", title }, box, h("span", {}, label));
  box.addEventListener("change", () => onChange(box.checked));
  /** @param {boolean} value */
  const set = (value) => {
    box.checked = value;
  };
  return Object.assign(field, { set });
}

/**
 * A whole number between bounds; others are put right.
 * @param {string} label
 * @param {{ min: number, max: number, onChange: (value: string) => void, title?: string }} options
 */
export function number(label, { min, max, onChange, title = "" }) {
  const input = h("input", { type: "number", min, max, step: 1, inputmode: "numeric", title });
  const field = h("label", { class: "field" }, h("span", {}, label), input);
  input.addEventListener("change", () => {
    input.value = String(Math.max(min, Math.min(max, Math.round(Number(input.value)) || min)));
    onChange(input.value);
  });
  /** @param {number} value */
  const set = (value) => {
    input.value = String(value);
  };
  return Object.assign(field, { set });
}
