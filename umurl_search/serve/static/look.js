/** A clip large, beside the query: the same orbit, the same clock. */

import { rowUrl, stage } from "./card.js";
import { h } from "./dom.js";
import { actionOf, clipWord, facts, score } from "./format.js";
import { transport } from "./transport.js";

/**
 * `query`: {url, title, note} or null.
 * @param {Page.Row} row
 * @param {Page.Large | null} query
 * @param {{ onSearch: Page.OnSearch }} options
 */
export function look(row, query, { onSearch }) {
  const dialog = h("dialog", { class: "look", "aria-label": "Seen large" });
  const bar = transport();
  /** @type {Page.Stage["figure"][]} */
  const shown = [];
  /** @type {(title: string, note: string, url: string) => HTMLElement} */
  const pane = (title, note, url) => {
    const box = stage(url, { label: title });
    shown.push(box.figure);
    return h("figure", {}, box, h("figcaption", {}, h("strong", {}, title), h("span", { class: "quiet" }, note)));
  };
  const search = () => {
    dialog.close();
    onSearch(clipWord(row), row);
  };
  dialog.append(
    h(
      "div", { class: "panes" },
      query && pane(query.title, query.note, query.url),
      pane(actionOf(row), [row.name, ...facts(row), row.score !== undefined && score(row.score)].filter(Boolean).join(" · "), rowUrl(row)),
    ),
    bar,
    h("div", { class: "line" }, h("button", { type: "button", onclick: search }, "Search with it"), h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close")),
  );
  dialog.addEventListener("close", () => {
    for (const figure of shown) figure.remove();
    bar.stop();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}
