/** Elements made and found. Whatever the server sent goes in as text, never as markup. */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "indeterminate", "open"]);

/** An element: `h("button", {class: "quiet", onclick}, "Play")`. Children that are null or false are left out. */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  for (const [name, value] of Object.entries(given)) give(element, name, value);
  return element;
}

function give(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.className = value;
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false) element.setAttribute(name, String(value));
}

/** Puts these children in place of all that were there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon drawn as strokes on 16 by 16. */
export function icon(path, label = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", "0 0 16 16"], ["class", "glyph"], ["aria-hidden", "true"]]) {
    svg.setAttribute(name, value);
  }
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return label ? [svg, h("span", { class: "unseen" }, label)] : svg;
}

/** Says a line to those who listen to the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Runs `call` once `ms` have passed without another call. */
export function settled(call, ms) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => call(...given), ms);
  };
}

/** Sizes a canvas to its box, in device pixels; the scale between the two. */
export function fit(canvas, width, height, most = 2) {
  const scale = Math.min(most, window.devicePixelRatio || 1);
  const [w, h_] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w || canvas.height !== h_) [canvas.width, canvas.height] = [w, h_];
  return scale;
}
