/**
 * Lines for a node, and what its answers say.
 *
 * @typedef {import("./types.js").Place} Place
 * @typedef {import("./types.js").Credit} Credit
 */

import { location } from "./format.js";

/**
 * The line of a report that is made now.
 *
 * @param {string} client
 * @param {number} latitude
 * @param {number} longitude
 * @param {number} ms since 1970
 */
export function iamat(client, latitude, longitude, ms) {
  const seconds = Math.floor(ms / 1000);
  const rest = String(Math.floor((ms - seconds * 1000) * 1000)).padStart(6, "0");
  return `IAMAT ${client} ${location(latitude, longitude)} ${seconds}.${rest}`;
}

/**
 * The client and place of an AT line; null if the answer does not begin with one.
 *
 * @param {string} answer
 */
export function atLine(answer) {
  const found = /^AT \S+ \S+ (\S+) ([+-][\d.]+)([+-][\d.]+) \S+/.exec(answer);
  if (!found) return null;
  return { client: found[1], latitude: Number(found[2]), longitude: Number(found[3]) };
}

/**
 * The places and credits of an answer to WHATSAT; null if it has none that can be read.
 *
 * @param {string} answer
 * @returns {{ places: Place[], credits: Credit[], status: string } | null}
 */
export function placesOf(answer) {
  const end = answer.indexOf("\n");
  if (!answer.startsWith("AT ") || end < 0) return null;
  let body;
  try {
    body = JSON.parse(answer.slice(end));
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  const results = Array.isArray(body.results) ? body.results : [];
  const credits = Array.isArray(body.html_attributions) ? body.html_attributions : [];
  return {
    places: results.map(place),
    credits: credits.filter((/** @type {unknown} */ text) => typeof text === "string").map(credit),
    status: typeof body.status === "string" ? body.status : "",
  };
}

/** @param {any} result @returns {Place} */
function place(result) {
  const { lat, lng } = result?.geometry?.location ?? {};
  return {
    name: String(result?.name ?? "?"),
    vicinity: String(result?.vicinity ?? ""),
    latitude: typeof lat === "number" ? lat : null,
    longitude: typeof lng === "number" ? lng : null,
  };
}

/**
 * A credit is HTML of a service. What it says is shown as text, and its link if that is http or
 * https.
 *
 * @param {string} html
 * @returns {Credit}
 */
export function credit(html) {
  const link = /<a\s[^>]*href\s*=\s*["']?([^"'\s>]+)/i.exec(html)?.[1] ?? null;
  const text = html.replace(/<[^>]*>/g, "").replace(/\s+/g, " ").trim();
  return { text: entities(text) || (link ?? ""), link: link && /^https?:\/\//i.test(link) ? link : null };
}

/** The usual entities as characters. @param {string} text */
function entities(text) {
  const known = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => known[/** @type {keyof known} */ (entity)]);
}
