// Arrays that are pictures: [height, width], [1 or 3, height, width] or [height, width, 1 or 3 or 4].

import { h } from "./dom.js";
import { shown } from "./bars.js";

const LEAST = 16; // a smaller array is read better as a table

/** The sizes of nested arrays of numbers; null for anything else, and for arrays of different lengths. */
export function sizesOf(value) {
  if (typeof value === "number" || value === null) return [];
  if (!Array.isArray(value) || !value.length) return null;
  const inner = value.map(sizesOf);
  const same = inner.every((sizes) => sizes && sizes.length === inner[0].length && sizes.every((size, i) => size === inner[0][i]));
  return same ? [value.length, ...inner[0]] : null;
}

/** How to read an array as a picture: {height, width, channels, at(y, x, c)}; null for one that is none. */
export function pictureOf(value, sizes) {
  if (sizes?.length === 2) return large(sizes[0], sizes[1], 1, (y, x) => value[y][x]);
  if (sizes?.length !== 3) return null;
  const [first, second, third] = sizes;
  if (first === 1 || first === 3) return large(second, third, first, (y, x, c) => value[c][y][x]);
  return [1, 3, 4].includes(third) ? large(first, second, third, (y, x, c) => value[y][x][c]) : null;
}

function large(height, width, channels, at) {
  return height >= LEAST && width >= LEAST ? { height, width, channels, at } : null;
}

/** The picture, from black at the smallest value to white at the largest. */
export function picture(name, found) {
  const { height, width, channels, at } = found;
  const canvas = h("canvas", { width, height, class: width < 128 ? "picture tiny" : "picture", role: "img", "aria-label": `${name} as a picture` });
  const pixels = new ImageData(width, height);
  const [least, most] = limits(found);
  const scaled = (value) => (255 * ((value ?? least) - least)) / (most - least || 1);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const place = 4 * (y * width + x);
      for (let c = 0; c < 3; c += 1) pixels.data[place + c] = scaled(at(y, x, channels < 3 ? 0 : c));
      pixels.data[place + 3] = 255;
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return h("figure", {}, [canvas, h("figcaption", {}, `${width} × ${height}, black ${shown(least)}, white ${shown(most)}`)]);
}

function limits({ height, width, channels, at }) {
  let [least, most] = [Infinity, -Infinity];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < channels; c += 1) {
        const value = at(y, x, c) ?? 0;
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
  }
  return [least, most];
}
