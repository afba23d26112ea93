/** Filters built from the catalog's columns, with counts of what would be left. */

import { chosen, chosenColumns, current, whereOf } from "./address.js";
import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { count } from "./format.js";

const SHOWN = 8;
const SEARCHED_FROM = 16;
const open = new Set(["action"]);
/** @type {Map<string, Server.Column[]>} */
const found = new Map();

/**
 * A column, and how many clips each of its values would leave.
 * @typedef {Server.Column & { left: Map<string, number> | null }} Counted
 * @typedef {(changes: Page.Changes) => void} OnChange
 */

/**
 * The panel of filters; `onChange(changes)` gets changes of the address.
 * @param {OnChange} onChange
 */
export function filterPanel(onChange) {
  const body = h("div", { class: "facets" });
  const own = h("input", { type: "text", id: "where", spellcheck: "false", placeholder: "frames > 60 and camera <> 2", "aria-label": "Filter in SQL" });
  own.addEventListener("change", () => onChange({ where: own.value.trim() || null }));
  const clear = h("button", { type: "button", class: "plain", hidden: true, onclick: () => onChange(cleared()) }, "Clear");
  const sql = h("details", { class: "sql" }, h("summary", {}, "In SQL"), own);
  const panel = h(
    "section", { class: "filters", "aria-label": "Filters" },
    h("div", { class: "line" }, h("h2", {}, "Filters"), clear),
    body,
    sql,
  );
  let last = "";
  /** @type {(index: string, params: URLSearchParams, options: { signal: AbortSignal }) => Promise<void>} */
  const show = async (index, params, { signal }) => {
    own.value = params.get("where") ?? "";
    if (own.value) sql.open = true;
    clear.hidden = !whereOf(params);
    const mark = `${index}\n${whereOf(params)}`;
    if (!last) found.clear(); // the view is opened anew: the library may have changed
    if (mark === last) return;
    const columns = await counted(index, params, signal);
    last = mark;
    fill(body, columns.filter((one) => one.distinct > 1 || chosen(params, one.column).length).map((column) => facet(column, params, onChange)));
    if (!columns.length) fill(body, h("p", { class: "quiet" }, "The clips of this index have no columns to filter by."));
  };
  return Object.assign(panel, { show });
}

/** @returns {Page.Changes} */
const cleared = () => ({ where: null, ...Object.fromEntries(chosenColumns(current().params).map((column) => [`f.${column}`, null])) });

/**
 * The columns with all their values; how many clips each would leave, given the other columns' filters.
 * @param {string} index
 * @param {URLSearchParams} params
 * @param {AbortSignal} signal
 * @returns {Promise<Counted[]>}
 */
async function counted(index, params, signal) {
  const all = await asked(index, null, signal);
  const where = whereOf(params);
  if (!where) return all.map((column) => ({ ...column, left: null }));
  return Promise.all(
    all.map(async (column) => {
      const others = whereOf(params, { except: column.column });
      const answer = await asked(index, others, signal);
      const mine = answer.find((one) => one.column === column.column);
      return { ...column, left: new Map((mine?.values ?? []).map((one) => [String(one.value), one.count])) };
    }),
  );
}

/**
 * @param {string} index
 * @param {string | null} where
 * @param {AbortSignal} signal
 */
async function asked(index, where, signal) {
  const key = `${index}\n${where}`;
  const known = found.get(key);
  if (known) return known;
  const { columns } = await api.columns(index, where, { signal });
  if (found.size > 60) found.clear();
  const shown = columns.filter((one) => one.column !== "label" || !columns.some((other) => other.column === "action"));
  found.set(key, shown);
  return shown;
}

/**
 * @param {Counted} column
 * @param {URLSearchParams} params
 * @param {OnChange} onChange
 */
function facet(column, params, onChange) {
  const picked = new Set(chosen(params, column.column));
  const values = ordered(column, picked);
  const list = h("ul", { class: "values" });
  const box = h("details", { class: "facet", open: open.has(column.column) || picked.size > 0 });
  box.addEventListener("toggle", () => {
    if (box.open) open.add(column.column);
    else open.delete(column.column);
  });
  const state = { all: false, text: "" };
  /** @param {Partial<typeof state>} changes */
  const show = (changes) => {
    Object.assign(state, changes);
    const matching = values.filter((one) => String(one.value).toLowerCase().includes(state.text));
    const shown = state.all || state.text ? matching : matching.slice(0, Math.max(SHOWN, picked.size));
    fill(
      list, shown.map((one) => valueBox(column, one, picked, onChange)),
      shown.length < matching.length && h("li", {}, h("button", { type: "button", class: "plain", onclick: () => show({ all: true }) }, `${matching.length - shown.length} more`)),
      !matching.length && h("li", { class: "quiet" }, "none called so"),
    );
  };
  const finder = values.length > SEARCHED_FROM && h("input", {
    type: "search", placeholder: `find ${column.column}`, "aria-label": `Find ${column.column}`,
    oninput: (event) => show({ text: event.currentTarget.value.trim().toLowerCase() }),
  });
  show({});
  const told = picked.size ? `${picked.size} of ${count(column.distinct)}` : count(column.distinct);
  box.append(h("summary", {}, h("span", {}, column.column), h("span", { class: "quiet" }, told)), finder || "", list);
  return box;
}

/**
 * Most first; those chosen before all; numbers by number.
 * @param {Counted} column
 * @param {Set<string>} picked
 */
function ordered(column, picked) {
  const values = column.values.filter((one) => one.value !== null);
  if (values.every((one) => typeof one.value === "number")) values.sort((a, b) => Number(a.value) - Number(b.value));
  return [...values.filter((one) => picked.has(String(one.value))), ...values.filter((one) => !picked.has(String(one.value)))];
}

/**
 * @param {Counted} column
 * @param {Server.ColumnValue} one
 * @param {Set<string>} picked
 * @param {OnChange} onChange
 */
function valueBox(column, one, picked, onChange) {
  const value = String(one.value);
  const left = column.left ? (column.left.get(value) ?? 0) : one.count;
  const box = h("input", { type: "checkbox", checked: picked.has(value), value });
  box.addEventListener("change", () => {
    const next = new Set(picked);
    if (box.checked) next.add(value);
    else next.delete(value);
    onChange({ [`f.${column.column}`]: [...next] });
  });
  return h("li", { class: left ? "" : "nothing" }, h("label", {}, box, h("span", { class: "value" }, value), h("span", { class: "quiet" }, count(left))));
}

