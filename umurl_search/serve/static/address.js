/** The address of a view: `#/search?index=..&clip=..`. All that a view shows is in it, so it can be shared. */

export const COLUMNS = ["action", "label", "subject", "camera", "setup", "replication", "people"];

/**
 * The view's name and its parameters.
 * @returns {{ view: string, params: URLSearchParams }}
 */
export function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { view: path || "search", params: new URLSearchParams(query) };
}

/**
 * @param {string} view
 * @param {URLSearchParams} params
 */
export function hashOf(view, params) {
  const text = params.toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

/**
 * A copy with changes: null takes away, a list gives several.
 * @param {URLSearchParams} params
 * @param {Page.Changes} changes
 */
export function changed(params, changes) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== null && one !== undefined && one !== "") next.append(name, String(one));
  }
  return next;
}

/**
 * Goes to a view; with `replace` the step back skips where one was.
 * @param {string} view
 * @param {URLSearchParams} params
 * @param {{ replace?: boolean }} [options]
 */
export function go(view, params, { replace = false } = {}) {
  const hash = hashOf(view, params);
  if (hash === location.hash) return;
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * The address changes, the view does not hear of it: for what it already shows.
 * @param {string} view
 * @param {URLSearchParams} params
 */
export function note(view, params) {
  history.replaceState(null, "", hashOf(view, params));
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

const NUMBERS = ["label", "people"];
const isNumber = (/** @type {string} */ value) => /^-?\d{1,9}$/.test(value);

/**
 * Values chosen in a column, of the right kind only.
 * @param {URLSearchParams} params
 * @param {string} column
 */
export function chosen(params, column) {
  const values = params.getAll(`f.${column}`);
  return NUMBERS.includes(column) ? values.filter(isNumber) : values;
}

/**
 * The columns in which values are chosen: the catalog's, then those of one's own.
 * @param {URLSearchParams} params
 */
export function chosenColumns(params) {
  const named = [...params.keys()].filter((key) => key.startsWith("f.")).map((key) => key.slice(2));
  return [...COLUMNS.filter((one) => named.includes(one)), ...new Set(named.filter((one) => !COLUMNS.includes(one)))];
}

/** @param {string} column */
const named = (column) => (COLUMNS.includes(column) ? column : `"${column.replaceAll('"', '""')}"`);

/**
 * A value as SQL: a number of the catalog's as it is, all else as text, which DuckDB makes the column's type.
 * @param {string} column
 * @param {string} value
 */
const literal = (column, value) => (column !== "action" && COLUMNS.includes(column) && isNumber(value) ? value : quoted(value));

/**
 * The filter as the server takes it: SQL over the clips, or null. `except`: a column left out of it.
 * @param {URLSearchParams} params
 * @param {{ except?: string | null }} [options]
 */
export function whereOf(params, { except = null } = {}) {
  const parts = [];
  for (const column of chosenColumns(params)) {
    const values = column === except ? [] : chosen(params, column);
    if (values.length) parts.push(`${named(column)} in (${values.map((one) => literal(column, one)).join(", ")})`);
  }
  const own = params.get("where")?.trim();
  if (own) parts.push(parts.length ? `(${own})` : own);
  return parts.join(" and ") || null;
}

export const MODALITIES = ["joint", "bone", "motion"];

/**
 * Any subset as the server names it: all three are `fused`.
 * @param {string[]} parts
 */
export function modalityName(parts) {
  const kept = MODALITIES.filter((one) => parts.includes(one));
  return kept.length === MODALITIES.length || !kept.length ? "fused" : kept.join("+");
}

/** @param {string | null} name */
export const modalityParts = (name) => (!name || name === "fused" ? [...MODALITIES] : name.split("+"));
