/** Colours of categories that are told apart, as 32-bit pixels (little-endian ABGR) and for CSS. */

/** @type {Page.Colour[]} */
const DISTINCT = [
  [0x3b, 0x76, 0xe1], [0xe0, 0x7b, 0x2e], [0x3a, 0xa6, 0x6a], [0xc9, 0x46, 0x4f], [0x8c, 0x62, 0xc8], [0x1f, 0xa2, 0xb4],
  [0xd6, 0x5d, 0xa6], [0x8d, 0x8f, 0x2a], [0x9a, 0x6a, 0x4c], [0x5a, 0x8f, 0xc4], [0xb9, 0x9a, 0x1e], [0x5d, 0x6f, 0x83],
];
const GOLDEN = 137.508;

/**
 * n colours; beyond the first twelve, hues by the golden angle.
 * @param {number} n
 */
export function categories(n) {
  return Array.from({ length: n }, (_, i) => DISTINCT[i] ?? hued((i * GOLDEN) % 360, 0.4 + 0.1 * (i % 3), 0.45 + 0.1 * (i % 2)));
}

/**
 * @param {number} hue
 * @param {number} saturation
 * @param {number} lightness
 * @returns {Page.Colour}
 */
function hued(hue, saturation, lightness) {
  const chroma = (1 - Math.abs(2 * lightness - 1)) * saturation;
  /** @param {number} offset */
  const part = (offset) => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (lightness - (chroma / 2) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

/** @param {Page.Colour} colour */
export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
/** @param {Page.Colour} colour */
export const pixel = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
