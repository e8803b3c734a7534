/**
 * How a state looks: a tone and a shape. The word is always shown too, so that nothing hangs on
 * colour.
 *
 * @typedef {"good" | "warn" | "bad" | "off"} Tone
 * @typedef {import("./types.js").NodeState} NodeState
 */

import { drawing } from "./dom.js";

/** The path of each state in a square of 16 by 16. @type {Record<NodeState, [Tone, string]>} */
const SHAPES = {
  "ready": ["good", "M14 8A6 6 0 1 1 2 8A6 6 0 1 1 14 8M5 8.2L7.2 10.4L11 6"],
  "apart": ["bad", "M2 8H5M11 8H14M5.5 4.5V11.5M10.5 4.5V11.5"],
  "degraded": ["warn", "M8 2L15 14H1ZM8 6.5V9.8M8 11.9V12"],
  "skewed": ["warn", "M14 8A6 6 0 1 1 2 8A6 6 0 1 1 14 8M8 4.5V8L10.8 10"],
  "not ready": ["warn", "M8 1.5L14.5 8L8 14.5L1.5 8ZM8 5V8.6M8 10.9V11"],
  "paused": ["warn", "M5 3V13M11 3V13"],
  "down": ["bad", "M3 3L13 13M13 3L3 13"],
  "not answering": ["bad", "M5 5.5A3 3 0 1 1 8.6 8.4Q8 8.7 8 10M8 12.9V13"],
  "not watched": ["off", "M3 8H13"],
};

/** @param {NodeState} state @returns {Tone} */
export function tone(state) {
  return (SHAPES[state] ?? SHAPES["not watched"])[0];
}

/** @param {NodeState} state */
export function shapePath(state) {
  return (SHAPES[state] ?? SHAPES["not watched"])[1];
}

/**
 * A picture of a state, to stand before its word.
 *
 * @param {NodeState} state
 */
export function icon(state) {
  return drawing("svg", { class: `icon ${tone(state)}`, viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    drawing("path", { d: shapePath(state), fill: "none", stroke: "currentColor", "stroke-width": 2,
      "stroke-linecap": "round", "stroke-linejoin": "round" }));
}
