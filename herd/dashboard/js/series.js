/**
 * Numbers over time as paths of SVG.
 *
 * @typedef {{ at_ms: number, value: number | null }} Sample
 * @typedef {(value: number) => number} Scale
 */

/** A longer pause than this between two samples is a gap in the line. */
const GAP_MS = 2500;

/**
 * A scale from 0 to 1 for values from 0 to a round number that is not below any of them.
 *
 * @param {(number | null)[]} values
 * @returns {{ top: number, scale: Scale }}
 */
export function linear(values) {
  const top = roundUp(Math.max(1, ...values.map((value) => value ?? 0)));
  return { top, scale: (value) => value / top };
}

/**
 * A scale from 0 to 1 whose steps are powers of ten, for values that differ much.
 *
 * @param {(number | null)[]} values
 * @returns {{ bottom: number, top: number, scale: Scale }}
 */
export function logarithmic(values) {
  const known = values.filter((value) => value !== null).filter((value) => value > 0);
  const bottom = 10 ** Math.floor(Math.log10(known.length > 0 ? Math.min(...known) : 0.001));
  const top = Math.max(bottom * 10, 10 ** Math.ceil(Math.log10(known.length > 0 ? Math.max(...known) : 0.01)));
  return {
    bottom, top,
    scale: (value) => Math.max(0, Math.log10(Math.max(value, bottom) / bottom) / Math.log10(top / bottom)),
  };
}

/** 1, 2 or 5 times a power of ten. @param {number} value */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = [1, 2, 5, 10].find((candidate) => value <= candidate * power * (1 + 1e-9)) ?? 10;
  return digit * power;
}

/**
 * The path of a line, with gaps where there is no value.
 *
 * @param {Sample[]} samples
 * @param {Scale} x of a time
 * @param {Scale} y of a value
 */
export function linePath(samples, x, y) {
  return pieces(samples).map((piece) => piece
    .map(({ at_ms, value }, index) => `${index === 0 ? "M" : "L"}${x(at_ms).toFixed(1)} ${y(value ?? 0).toFixed(1)}`)
    // A single value is a dot.
    .join("") + (piece.length === 1 ? "h2" : "")).join("");
}

/**
 * The path of the area below a line.
 *
 * @param {Sample[]} samples
 * @param {Scale} x
 * @param {Scale} y
 */
export function areaPath(samples, x, y) {
  return pieces(samples).map((piece) => {
    const [first, last] = [piece[0], piece[piece.length - 1]];
    return `${linePath(piece, x, y)}L${x(last.at_ms).toFixed(1)} ${y(0).toFixed(1)}L${x(first.at_ms).toFixed(1)} ${y(0).toFixed(1)}Z`;
  }).join("");
}

/**
 * The index of the sample nearest to a time; -1 if there is none.
 *
 * @param {{ at_ms: number }[]} samples
 * @param {number} ms
 */
export function nearest(samples, ms) {
  let best = -1;
  samples.forEach(({ at_ms }, index) => {
    if (best < 0 || Math.abs(at_ms - ms) < Math.abs(samples[best].at_ms - ms)) best = index;
  });
  return best;
}

/** @param {Sample[]} samples */
function pieces(samples) {
  /** @type {Sample[][]} */
  const found = [];
  let last = -Infinity;
  for (const sample of samples) {
    if (sample.value === null) {
      last = -Infinity;
      continue;
    }
    if (sample.at_ms - last > GAP_MS) found.push([]);
    found[found.length - 1].push(sample);
    last = sample.at_ms;
  }
  return found;
}
