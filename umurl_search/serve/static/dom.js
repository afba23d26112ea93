/** Elements made and found. Whatever the server sent goes in as text, never as markup. */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "indeterminate", "open"]);

/**
 * Lists flattened, what is null or false left out.
 * @param {Page.Child[]} children
 */
const shown = (children) => /** @type {(Node | string)[]} */ (/** @type {unknown[]} */ (children).flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));

/**
 * An element: `h("button", {class: "quiet", onclick}, "Play")`. Children that are null or false are left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Page.Given<HTMLElementTagNameMap[K]>} given
 * @param {...Page.Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  element.append(...shown(children));
  for (const [name, value] of Object.entries(given)) give(element, name, value);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {unknown} value
 */
function give(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  else if (name === "class") element.className = String(value);
  else if (name === "style") for (const [key, one] of Object.entries(/** @type {Record<string, string>} */ (value))) element.style.setProperty(key, one);
  else if (PROPERTIES.has(name)) Object.assign(element, { [name]: value });
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false) element.setAttribute(name, String(value));
}

/**
 * Puts these children in place of all that were there.
 * @template {Element} E
 * @param {E} element
 * @param {...Page.Child} children
 * @returns {E}
 */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
  return element;
}

/**
 * An icon drawn as strokes on 16 by 16.
 * @param {string} path
 */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", "0 0 16 16"], ["class", "glyph"], ["aria-hidden", "true"]]) {
    svg.setAttribute(name, value);
  }
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/**
 * The page's element of that id. Raises Error where the page has none of that kind.
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/**
 * The element about an event's target that fits, or null.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function around(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null;
}

/**
 * Says a line to those who listen to the page.
 * @param {string} text
 */
export function say(text) {
  byId("said", HTMLElement).textContent = text;
}

/**
 * What draws on a canvas. Raises Error where nothing can.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 */
export function pen(canvas, options) {
  const context = canvas.getContext("2d", options);
  if (!context) throw new Error("this browser cannot draw on a canvas");
  return context;
}

/**
 * Runs `call` once `ms` have passed without another call.
 * @template {unknown[]} A
 * @param {(...given: A) => unknown} call
 * @param {number} ms
 * @returns {(...given: A) => void}
 */
export function settled(call, ms) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => call(...given), ms);
  };
}

/**
 * Sizes a canvas to its box, in device pixels; the scale between the two.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {number} [most]
 */
export function fit(canvas, width, height, most = 2) {
  const scale = Math.min(most, window.devicePixelRatio || 1);
  const [w, h_] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w || canvas.height !== h_) [canvas.width, canvas.height] = [w, h_];
  return scale;
}

/**
 * A text as far as it fits on a canvas, with an ellipsis where it does not.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} width
 */
export function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let n = text.length - 1;
  while (n > 1 && context.measureText(`${text.slice(0, n)}…`).width > width) n--;
  return `${text.slice(0, n)}…`;
}
