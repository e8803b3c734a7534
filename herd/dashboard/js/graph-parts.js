/**
 * The parts of the picture of the herd: how large a node is, what it is drawn of, and how nodes and
 * links show their states.
 *
 * @typedef {import("./types.js").NodeNow} NodeNow
 * @typedef {import("./types.js").LinkNow} LinkNow
 * @typedef {import("./layout.js").Point} Point
 * @typedef {{ width: number, height: number, kind: "card" | "dot", scale: number }} Size
 */

import { drawing, setText } from "./dom.js";
import { count, rate, reports } from "./format.js";
import { describeLink, isSpare } from "./herd-tables.js";
import { shapePath, tone } from "./shapes.js";

/** The most nodes that are cards, and the most dots that all have a word. */
const CARDS = 8;
const CROWD = 30;

/**
 * The size of a node. A card has three rows: the name, the state and the rate; two if the picture is
 * low. In larger herds a node is a dot, with its name and state below it.
 *
 * @param {number} nodes
 * @param {number} width of the picture
 * @param {number} height of the picture
 * @returns {Size}
 */
export function sizeFor(nodes, width, height) {
  if (nodes <= CARDS) return { width: width < 420 ? 114 : 126, height: height < 320 ? 48 : 66, kind: "card", scale: 1 };
  return nodes <= CROWD ? { width: 88, height: 62, kind: "dot", scale: 1.3 } : { width: 66, height: 33, kind: "dot", scale: 1 };
}

/** @param {string} name @param {Size} size */
export function cardParts(name, { width, height }) {
  const [left, top] = [-width / 2, -height / 2];
  const isLow = height < 50;
  const rows = isLow ? [top + 20, top + 39, top + 39] : [top + 22, top + 40, top + 56];
  const text = name.length > (width - 32) / 9.4 ? `${name.slice(0, Math.floor((width - 32) / 9.4) - 1)}…` : name;
  return [
    drawing("rect", { class: "halo", x: left - 5, y: top - 5, width: width + 10, height: height + 10, rx: 14 }),
    drawing("rect", { class: "body", x: left, y: top, width, height, rx: 10 }),
    drawing("path", { class: "shape", transform: `translate(${left + 9} ${rows[0] - 13})` }),
    words("name", left + 31, rows[0], text),
    words("word", left + 10, rows[1]),
    words(isLow ? "rate low" : "rate", isLow ? -left - 8 : left + 10, rows[2]),
  ];
}

/** @param {string} name */
export function dotParts(name) {
  return [
    drawing("circle", { class: "halo", r: 13 }),
    drawing("circle", { class: "body", r: 8.5 }),
    drawing("path", { class: "shape", transform: "translate(-5 -5) scale(0.625)" }),
    words("name", 0, 19, name.length > 9 ? `${name.slice(0, 8)}…` : name),
    words("word", 0, 29),
  ];
}

/** @param {string} style @param {number} x @param {number} y @param {string} [text] */
function words(style, x, y, text) {
  return drawing("text", { class: style, x, y }, text);
}

/** @param {SVGGElement} group @param {NodeNow} node */
export function showNode(group, node) {
  for (const name of ["good", "warn", "bad", "off"]) group.classList.toggle(name, tone(node.state) === name);
  group.querySelector(".shape")?.setAttribute("d", shapePath(node.state));
  const word = group.querySelector(".word");
  const shownSpeed = group.querySelector(".rate");
  // In a crowd, only what is wrong has a word.
  const isQuiet = group.classList.contains("crowd") && tone(node.state) === "good";
  if (word) setText(word, isQuiet ? "" : node.state);
  const speed = node.reports_per_second;
  const isLow = shownSpeed?.classList.contains("low");
  const said = speed === null ? "" : isLow ? `${rate(speed)}/s` : reports(speed);
  if (shownSpeed) setText(shownSpeed, said);
  const label = [`${node.name}: ${node.state}`];
  if (said) label.push(said);
  if (node.clients != null) label.push(`${count(node.clients)} clients`);
  group.setAttribute("aria-label", [label.join(", "), ...node.reasons].join("; "));
}

/**
 * How far above the middle of a link its sign stands: not at all, unless it would touch the two cards
 * that stand beside it.
 *
 * @param {[Point, Point]} ends the middles of the cards
 * @param {{ width: number, height: number }} card
 * @param {{ width: number, height: number }} sign
 */
export function signLift([a, b], card, sign) {
  const [dx, dy] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  const [beside, over] = [dx - card.width, dy - card.height];
  if (beside >= sign.width || over >= sign.height || beside < over) return 0;
  return dy / 2 + (card.height + sign.height) / 2 + 2;
}

/** @param {SVGGElement} group @param {LinkNow} link @param {[Point, Point]} ends @param {Size} size */
export function showLink(group, link, ends, size) {
  for (const name of ["up", "down", "cut", "never", "unknown"]) group.classList.toggle(name, link.state === name);
  group.classList.toggle("spare", isSpare(link));
  group.setAttribute("aria-label", describeLink(link));
  const sign = /** @type {SVGTextElement | null} */ (group.querySelector(".sign"));
  const plate = group.querySelector(".plate");
  if (!sign || !plate) return;
  const text = link.state === "up" ? "" : link.state === "never" ? "never up" : link.state;
  if (sign.textContent === text) return;
  sign.textContent = text;
  sign.removeAttribute("transform");
  plate.removeAttribute("transform");
  const box = text ? sign.getBBox() : { x: 0, y: 0, width: 0, height: 0 };
  const room = text ? 4 : 0;
  const frame = { x: box.x - room, y: box.y - room / 2, width: box.width + 2 * room, height: box.height + room };
  for (const [name, value] of Object.entries(frame)) plate.setAttribute(name, String(value));
  const lift = text ? signLift(ends, size, frame) : 0;
  for (const part of lift > 0 ? [sign, plate] : []) part.setAttribute("transform", `translate(0 ${-lift})`);
}
