/** Small choices that mirror the address: each has `set(value)`. */

import { MODALITIES, modalityName, modalityParts } from "./address.js";
import { fill, h, settled } from "./dom.js";

const BETWEEN_MS = 300; // from one press to the next, so that two of them ask once

/** Any subset of joint, bone and motion, never none. */
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
    else event.target.checked = true;
  });
  group.set = (name) => {
    const parts = modalityParts(name);
    for (const box of boxes) box.checked = parts.includes(box.value);
  };
  return group;
}

/** `options`: values, or [value, text]. */
export function choice(label, options, onChange, { title = "" } = {}) {
  const select = h("select", { title });
  const field = h("label", { class: "field" }, h("span", {}, label), select);
  select.addEventListener("change", () => onChange(select.value));
  field.offer = (given) => fill(select, given.map((one) => (Array.isArray(one) ? h("option", { value: one[0] }, one[1]) : h("option", { value: one }, one))));
  field.set = (value) => {
    if (value && ![...select.options].some((one) => one.value === value)) select.append(h("option", { value }, value));
    select.value = value ?? select.options[0]?.value ?? "";
  };
  field.offer(options);
  return field;
}

export function tick(label, onChange, { title = "" } = {}) {
  const box = h("input", { type: "checkbox" });
  const field = h("label", { class: "tick", title }, box, h("span", {}, label));
  box.addEventListener("change", () => onChange(box.checked));
  field.set = (value) => {
    box.checked = value;
  };
  return field;
}

/** A whole number between bounds; others are put right. */
export function number(label, { min, max, onChange, title = "" }) {
  const input = h("input", { type: "number", min, max, step: 1, inputmode: "numeric", title });
  const field = h("label", { class: "field" }, h("span", {}, label), input);
  input.addEventListener("change", () => {
    input.value = Math.max(min, Math.min(max, Math.round(Number(input.value)) || min));
    onChange(input.value);
  });
  field.set = (value) => {
    input.value = value;
  };
  return field;
}
