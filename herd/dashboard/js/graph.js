/**
 * The picture of the herd: nodes and links, drawn again when the room for it changes.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").NodeNow} NodeNow
 * @typedef {import("./types.js").LinkNow} LinkNow
 * @typedef {import("./layout.js").Point} Point
 * @typedef {{ width: number, height: number, kind: "card" | "dot", scale: number }} Size
 */

import { drawing, element, setText, stillness } from "./dom.js";
import { count, duration, rate, reports } from "./format.js";
import { CIRCLE, inRows, place } from "./layout.js";
import { icon, shapePath, tone } from "./shapes.js";

/** How long a node or a link stays lit when a flood reaches it. */
const LIT_MS = 1400;

/** The most nodes that are cards, and the most dots that all have a word. */
const CARDS = 8;
const CROWD = 30;

const HINT = "Point at a link to read it. Click a node to look closer.";

/** The names of a link's ends, in one order. @param {string} a @param {string} b */
const linkKey = (a, b) => (a < b ? `${a} ${b}` : `${b} ${a}`);

export class Graph {
  /** @type {Map<string, SVGGElement>} */
  #nodes = new Map();
  /** @type {Map<string, SVGGElement>} */
  #links = new Map();
  /** @type {Map<string, Point>} */
  #points = new Map();
  /** @type {Size} */
  #size = { width: 0, height: 0, kind: "card", scale: 1 };
  /** @type {HerdState | null} */
  #state = null;
  #chosen = "";

  /**
   * @param {SVGSVGElement} svg
   * @param {HTMLElement} info where the link or node under the pointer is described
   * @param {Herd} herd
   * @param {(node: string) => void} choose
   */
  constructor(svg, info, herd, choose) {
    this.svg = svg;
    this.info = info;
    this.names = herd.node_names;
    this.choose = choose;
    const seen = new Set();
    /** @type {[string, string][]} */
    this.pairs = herd.nodes.flatMap(({ name, neighbours }) => neighbours
      .filter((other) => this.names.includes(other) && !seen.has(linkKey(name, other)) && seen.add(linkKey(name, other)))
      .map((other) => /** @type {[string, string]} */ ([name, other])));
    const index = new Map(this.names.map((name, at) => [name, at]));
    this.places = place(this.names.length, this.pairs.map(([a, b]) => [index.get(a) ?? 0, index.get(b) ?? 0]));
    this.#describeNothing();
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** @param {HerdState} state */
  show(state) {
    this.#state = state;
    if (this.#nodes.size > 0) this.#showState(state);
  }

  /** Marks the node that the side panel is about. @param {string} node */
  markChosen(node) {
    this.#chosen = node;
    for (const [name, group] of this.#nodes) group.classList.toggle("chosen", name === node);
  }

  /**
   * The way from the edge of one node to the edge of another; null before the first drawing.
   *
   * @param {string} from
   * @param {string} to
   * @returns {[Point, Point] | null}
   */
  way(from, to) {
    const [a, b] = [this.#points.get(from), this.#points.get(to)];
    if (!a || !b) return null;
    return [this.#edge(a, b), this.#edge(b, a)];
  }

  /** @param {string} node */
  point(node) {
    return this.#points.get(node);
  }

  /** How far from its middle a ring around a node begins. */
  get reach() {
    return this.isCrowded ? 12 * this.#size.scale : this.#size.height / 2 + 4;
  }

  /** Whether nodes are dots, which leave little room for what moves. */
  get isCrowded() {
    return this.#size.kind === "dot";
  }

  /** Lights up a node that learned something. @param {string} node */
  light(node) {
    flash(this.#nodes.get(node), "knows");
  }

  /** Lights up a link that carried something. @param {string} a @param {string} b */
  lightLink(a, b) {
    flash(this.#links.get(linkKey(a, b)), "carried");
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (width === 0 || height === 0) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#size = sizeFor(this.names.length, width, height);
    const [left, top] = [this.#size.width / 2 + 8, this.#size.height / 2 + 10];
    const places = this.names.length > CIRCLE ? this.#placesInRows(width) : this.places;
    this.#points = new Map(this.names.map((name, index) => [name, {
      x: left + places[index].x * (width - 2 * left),
      y: top + places[index].y * (height - 2 * top),
    }]));
    this.#links = new Map(this.pairs.map(([a, b]) => [linkKey(a, b), this.#drawLink(a, b)]));
    this.#nodes = new Map(this.names.map((name) => [name, this.#drawNode(name)]));
    this.svg.replaceChildren(...this.#links.values(), ...this.#nodes.values());
    if (this.#state) this.#showState(this.#state);
    this.markChosen(this.#chosen);
  }

  /** The places of many nodes, for which the picture grows. @param {number} width */
  #placesInRows(width) {
    const { points, rows } = inRows(this.places, Math.floor((width - 16) / this.#size.width));
    if (this.svg.parentElement) this.svg.parentElement.style.minHeight = `${(rows + 1) * this.#size.height}px`;
    return points;
  }

  /** @param {string} a @param {string} b */
  #drawLink(a, b) {
    const [from, to] = [this.#points.get(a), this.#points.get(b)];
    if (!from || !to) throw new Error(`no place for ${a} or ${b}`);
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    const describe = () => setText(this.info, group.getAttribute("aria-label") ?? "");
    const group = drawing("g", {
      class: "link", role: "img", tabindex: this.#size.kind === "card" ? 0 : null,
      onpointerenter: describe, onfocus: describe,
      onpointerleave: () => this.#describeNothing(), onblur: () => this.#describeNothing(),
    }, drawing("line", { class: "reach", ...ends }), drawing("line", { class: "line", ...ends }));
    const sign = drawing("text", { class: "sign", x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 });
    if (!this.isCrowded) group.append(drawing("rect", { class: "plate", rx: 4 }), sign);
    return group;
  }

  /** @param {string} name */
  #drawNode(name) {
    const { kind, scale } = this.#size;
    const point = this.#points.get(name) ?? { x: 0, y: 0 };
    const act = () => this.choose(name);
    const describe = () => setText(this.info, group.getAttribute("aria-label") ?? "");
    const group = drawing("g", {
      class: scale > 1 || kind === "card" ? `node ${kind}` : "node dot crowd", role: "button", tabindex: 0,
      transform: `translate(${point.x} ${point.y}) scale(${scale})`,
      onclick: act,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          act();
        }
      },
      onpointerenter: describe, onfocus: describe,
      onpointerleave: () => this.#describeNothing(), onblur: () => this.#describeNothing(),
    });
    const parts = kind === "dot" ? dotParts(name) : cardParts(name, this.#size);
    // The spaces keep the words apart where only the text counts.
    group.append(...parts.flatMap((part) => [part, " "]));
    return group;
  }

  /** @param {HerdState} state */
  #showState(state) {
    for (const node of state.nodes) {
      const group = this.#nodes.get(node.name);
      if (group) showNode(group, node);
    }
    for (const link of state.links) {
      const group = this.#links.get(linkKey(link.a, link.b));
      if (group) showLink(group, link);
    }
  }

  #describeNothing() {
    setText(this.info, HINT);
  }

  /** Where the line from `a` to `b` leaves the node at `a`. @param {Point} a @param {Point} b */
  #edge(a, b) {
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const { width, height, kind, scale } = this.#size;
    const share = kind === "dot"
      ? (10 * scale) / (Math.hypot(dx, dy) || 1)
      : Math.min(width / 2 / (Math.abs(dx) || 1e-6), height / 2 / (Math.abs(dy) || 1e-6));
    return { x: a.x + dx * Math.min(share, 0.5), y: a.y + dy * Math.min(share, 0.5) };
  }
}

/**
 * The size of a node. A card has three rows: the name, the state and the rate; two if the picture is
 * low. In larger herds a node is a dot, with its name and state below it.
 *
 * @param {number} nodes
 * @param {number} width of the picture
 * @param {number} height of the picture
 * @returns {Size}
 */
function sizeFor(nodes, width, height) {
  if (nodes <= CARDS) return { width: width < 420 ? 114 : 126, height: height < 320 ? 48 : 66, kind: "card", scale: 1 };
  return nodes <= CROWD ? { width: 88, height: 62, kind: "dot", scale: 1.3 } : { width: 66, height: 33, kind: "dot", scale: 1 };
}

/** @param {string} name @param {Size} size */
function cardParts(name, { width, height }) {
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
function dotParts(name) {
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
function showNode(group, node) {
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

/** @param {SVGGElement} group @param {LinkNow} link */
function showLink(group, link) {
  for (const name of ["up", "down", "cut", "never", "unknown"]) group.classList.toggle(name, link.state === name);
  group.setAttribute("aria-label", describeLink(link));
  const sign = /** @type {SVGTextElement | null} */ (group.querySelector(".sign"));
  const plate = group.querySelector(".plate");
  if (!sign || !plate) return;
  const text = link.state === "up" ? "" : link.state === "never" ? "never up" : link.state;
  if (sign.textContent === text) return;
  sign.textContent = text;
  const box = text ? sign.getBBox() : { x: 0, y: 0, width: 0, height: 0 };
  const room = text ? 4 : 0;
  const frame = { x: box.x - room, y: box.y - room / 2, width: box.width + 2 * room, height: box.height + room };
  for (const [name, value] of Object.entries(frame)) plate.setAttribute(name, String(value));
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
  /** @param {string} text */
  const cell = (text) => element("td", {}, text);
  /** @param {string} caption @param {string[]} head @param {HTMLElement[]} rows */
  const whole = (caption, head, rows) => element("table", {}, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows));
  const nodes = state.nodes.map((node) => element("tr", {},
    element("th", { scope: "row" }, node.name),
    element("td", { class: tone(node.state) }, icon(node.state), ` ${[node.state, ...node.reasons].join(": ")}`),
    cell(rate(node.reports_per_second)), cell(count(node.clients)), cell(duration(node.answer_p99_seconds))));
  const links = state.links.map((link) => element("tr", {},
    element("th", { scope: "row" }, `${link.a} – ${link.b}`), cell(link.state), cell(duration(link.round_trip_seconds)),
    cell(`${rate(link.a_to_b.lines_per_second)} / ${rate(link.b_to_a.lines_per_second)}`),
    cell(`${count(link.a_to_b.backlog)} / ${count(link.b_to_a.backlog)}`)));
  return [
    whole("Nodes", ["Node", "State", "Reports/s", "Clients", "Answer p99"], nodes),
    whole("Links", ["Link", "State", "Round trip", "Lines/s there / back", "Backlog there / back"], links),
  ];
}

/** @param {SVGGElement | undefined} group @param {string} name of a class */
function flash(group, name) {
  if (!group) return;
  group.classList.add(name);
  const until = String(performance.now() + LIT_MS);
  group.dataset.until = until;
  setTimeout(() => {
    if (group.dataset.until === until) group.classList.remove(name);
  }, stillness.matches ? LIT_MS * 2 : LIT_MS);
}
