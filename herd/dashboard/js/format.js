/** Numbers and times, as people read them. */

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/**
 * A count in full: 12,345.
 *
 * @param {number | null | undefined} value
 */
export function count(value) {
  return value == null ? "–" : whole.format(value);
}

/**
 * A count in few characters: 12.3K.
 *
 * @param {number | null | undefined} value
 */
export function brief(value) {
  if (value == null) return "–";
  return value < 10000 ? whole.format(Math.round(value)) : short.format(value);
}

/**
 * A rate: one decimal below 10.
 *
 * @param {number | null | undefined} value
 */
export function rate(value) {
  if (value == null) return "–";
  return value > 0 && value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : brief(value);
}

/**
 * A number of reports a second, with its unit.
 *
 * @param {number} value
 */
export function reports(value) {
  return `${rate(value)} ${value === 1 ? "report" : "reports"}/s`;
}

/**
 * A duration in seconds, with three digits and the unit that suits it: 310 µs, 1.25 ms, 2.4 s.
 *
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (seconds == null) return "–";
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.0009995) return `${digits(seconds * 1e6)} µs`;
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (size < 120) return `${digits(seconds)} s`;
  if (size < 7200) return `${Math.round(seconds / 60)} min`;
  if (size < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** @param {number} value */
function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2).replace(/\.0+$/, "");
}

/**
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/**
 * The time of day, with seconds.
 *
 * @param {number} ms since 1970
 */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/**
 * Latitude and longitude as a client writes them: both with a sign, at most six decimals.
 *
 * @param {number} latitude
 * @param {number} longitude
 */
export function location(latitude, longitude) {
  return signed(latitude) + signed(longitude);
}

/** @param {number} degrees */
function signed(degrees) {
  const text = Math.abs(degrees).toFixed(6);
  return (degrees < 0 && Number(text) !== 0 ? "-" : "+") + text;
}

/**
 * "Alford", "Alford and Ball", "Alford, Ball and Young".
 *
 * @param {string[]} names
 */
export function list(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
