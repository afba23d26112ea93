/** The page: navigation, the index, light and dark, keys; the view that the address names. */

import { changed, current, go, hashOf } from "./address.js";
import { isAbort } from "./api.js";
import { around, byId, fill, h, icon } from "./dom.js";
import { forgetColours } from "./draw.js";
import { plural } from "./format.js";
import { showKeys } from "./keys.js";
import { dropAnywhere } from "./picker.js";
import { clear } from "./player.js";
import { anew, indexOf, knowFiles, library } from "./shelf.js";
import { empty, failure } from "./states.js";
import { playerKey } from "./transport.js";
import * as compare from "./views/compare.js";
import * as evaluate from "./views/evaluate.js";
import * as map from "./views/map.js";
import * as search from "./views/search.js";
import * as timeline from "./views/timeline.js";

/** @type {Record<string, Page.View>} */
const VIEWS = { search, compare, evaluate, map, timeline };
const KEPT = ["index", "clip", "modality"];
const SUN = "M8 5.2A2.8 2.8 0 1 1 8 10.8 2.8 2.8 0 1 1 8 5.2M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8L13 13M13 3l-1.2 1.2M4.2 11.8L3 13";
const MOON = "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6";

const root = byId("view", HTMLElement);
/** @type {{ name: string, leaving: AbortController, handle: Page.Handle | null } | null} */
let shown = null;
/** @type {File[] | null} */
let filesWaiting = null;

async function show() {
  const { view, params } = current();
  const name = VIEWS[view] ? view : "search";
  drawNavigation(name, params);
  document.title = `${VIEWS[name].title} · umurl-search`;
  if (shown?.name === name && shown.handle) {
    await shown.handle.update(params);
    return;
  }
  leave();
  const leaving = new AbortController();
  /** @type {NonNullable<typeof shown>} */
  const mine = { name, leaving, handle: null };
  shown = mine;
  fill(root);
  try {
    const [index] = await Promise.all([indexOf(params), knowFiles()]);
    if (shown !== mine) return;
    if (!index) {
      fill(root, nothingYet());
      return;
    }
    mine.handle = VIEWS[name].mount(root, { signal: leaving.signal });
    if (filesWaiting && mine.handle.files) {
      const files = filesWaiting;
      filesWaiting = null;
      await mine.handle.files(files);
      return;
    }
    await mine.handle.update(current().params);
  } catch (error) {
    if (shown !== mine || isAbort(error)) return;
    fill(root, failure(error, h("button", { type: "button", onclick: again }, "Try again")));
  }
}

function leave() {
  shown?.leaving.abort();
  shown?.handle?.leave?.();
  clear();
}

async function again() {
  leave();
  shown = null;
  const { view, params } = current();
  const changes = await anew(params, {});
  if ("index" in changes) go(view, changed(params, changes), { replace: true });
  else show();
}

/**
 * Files go to the view that is there, or to the search where that takes none.
 * @param {File[]} files
 */
function onFiles(files) {
  if (shown?.handle?.files) {
    shown.handle.files(files);
    return;
  }
  filesWaiting = files;
  go("search", keptOf(current().params));
}

function nothingYet() {
  return empty("This library has no index yet.", "Build one from recordings you have, or from made-up ones; then load this page again.", {
    commands: ["umurl-search demo", "umurl-search ingest NAME --source FOLDER", "umurl-search build-index NAME"],
  });
}

/** @param {URLSearchParams} params */
const keptOf = (params) => changed(new URLSearchParams(), Object.fromEntries(KEPT.map((key) => [key, params.get(key)])));

/**
 * Links of the views carry the index, the clip and the modality along.
 * @param {string} name
 * @param {URLSearchParams} params
 */
function drawNavigation(name, params) {
  const kept = keptOf(params);
  const links = Object.entries(VIEWS).map(([view, { title }]) => {
    const parameters = view === name ? params : kept;
    return h("a", { href: hashOf(view, parameters), "aria-current": view === name ? "page" : null }, title);
  });
  fill(byId("views", HTMLElement), links);
  const select = byId("index", HTMLSelectElement);
  /** @param {string | null} index */
  const chosen = (index) => {
    if (select.options.length) select.value = index ?? "";
  };
  indexOf(params).then(chosen, () => {});
}

async function drawIndexes() {
  const select = byId("index", HTMLSelectElement);
  const all = await library();
  fill(select, all.indexes.map((one) => h("option", { value: one.name, title: `${plural(one.clips, "clip")} of ${one.dataset}` }, one.name)));
  select.value = (await indexOf(current().params)) ?? "";
  const field = select.closest("label");
  if (field) field.hidden = !all.indexes.length;
}

function followIndex() {
  const { view, params } = current();
  const filters = Object.fromEntries([...params.keys()].filter((key) => key.startsWith("f.")).map((key) => [key, null]));
  go(view, changed(params, { ...filters, where: null, recording: null, protocol: null, cell: null, by: null, index: byId("index", HTMLSelectElement).value }));
}

const system = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

function drawTheme() {
  const button = byId("theme", HTMLElement);
  fill(button, icon(isDark() ? SUN : MOON));
  button.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  forgetColours();
  window.dispatchEvent(new Event("themechange"));
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // a browser that keeps nothing: for this page only
  }
  drawTheme();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = around(event, "input:not([type=checkbox]):not([type=range]), textarea, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  if (event.key === " " && around(event, "button, summary, a, input")) return;
  const used = document.querySelector("dialog[open]") ? playerKey(event) : keyed(event) || shown?.handle?.key?.(event) || playerKey(event);
  if (used) event.preventDefault();
}

/** @param {KeyboardEvent} event */
function keyed(event) {
  const at = "12345".indexOf(event.key);
  if (event.key === "?") showKeys();
  else if (event.key === "/") document.getElementById("clip")?.focus();
  else if (event.key === "d") switchTheme();
  else if (at >= 0 && event.key) byId("views", HTMLElement).querySelectorAll("a")[at].click();
  else return false;
  return true;
}

window.addEventListener("hashchange", show);
window.addEventListener("tryagain", again);
window.addEventListener("libraryforgotten", () => drawIndexes().catch(() => {}));
window.addEventListener("keydown", onKey);
system.addEventListener("change", drawTheme);
byId("index", HTMLSelectElement).addEventListener("change", followIndex);
byId("theme", HTMLElement).addEventListener("click", switchTheme);
byId("help", HTMLElement).addEventListener("click", showKeys);
dropAnywhere(onFiles);
drawTheme();
drawIndexes().catch(() => {});
show();
