/**
 * The tables that say the same as the picture of the herd.
 *
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").LinkNow} LinkNow
 */

import { element, table } from "./dom.js";
import { count, duration, rate } from "./format.js";
import { icon, tone } from "./shapes.js";

/**
 * Whether a link leaves out updates that arrive sooner elsewhere: it is not part of every tree.
 *
 * @param {LinkNow} link
 */
export function isSpare(link) {
  return [link.a_to_b, link.b_to_a].some((way) => (way.origins_left_out ?? 0) > 0);
}

/** A link in one sentence. @param {LinkNow} link */
export function describeLink(link) {
  const parts = [`Link ${link.a} to ${link.b}: ${link.state === "never" ? "never up" : link.state}`];
  if (link.round_trip_seconds != null) parts.push(`round trip ${duration(link.round_trip_seconds)}`);
  /** @param {string} to @param {import("./types.js").Direction} way */
  const direction = (to, way) => {
    const said = [];
    if (way.lines_per_second != null) said.push(`${rate(way.lines_per_second)} lines/s`);
    if (way.backlog != null && way.backlog > 0) said.push(`backlog ${count(way.backlog)}`);
    const left = way.origins_left_out ?? 0;
    if (left > 0) said.push(`only announces the updates of ${count(left)} ${left === 1 ? "node" : "nodes"}`);
    if (said.length > 0) parts.push(`to ${to} ${said.join(", ")}`);
  };
  direction(link.b, link.a_to_b);
  direction(link.a, link.b_to_a);
  return parts.join(" · ");
}

/**
 * The tables that say the same as the picture.
 *
 * @param {HerdState} state
 */
export function herdTables(state) {
  const nodes = state.nodes.map((node) => [
    node.name,
    element("td", { class: tone(node.state) }, icon(node.state), ` ${[node.state, ...node.reasons].join(": ")}`),
    rate(node.reports_per_second), count(node.clients), duration(node.answer_p99_seconds),
  ]);
  const links = state.links.map((link) => [
    `${link.a} – ${link.b}`, link.state, duration(link.round_trip_seconds),
    `${rate(link.a_to_b.lines_per_second)} / ${rate(link.b_to_a.lines_per_second)}`,
    `${count(link.a_to_b.backlog)} / ${count(link.b_to_a.backlog)}`,
    `${count(link.a_to_b.origins_left_out)} / ${count(link.b_to_a.origins_left_out)}`,
  ]);
  return [
    table("Nodes", ["Node", "State", "Reports/s", "Clients", "Answer p99"], nodes),
    table("Links", ["Link", "State", "Round trip", "Lines/s there / back", "Backlog there / back", "Nodes left out there / back"], links),
  ];
}
