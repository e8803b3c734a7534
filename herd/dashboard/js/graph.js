/**
 * The picture of the herd: nodes and links, drawn again when the room for it changes.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./layout.js").Point} Point
 * @typedef {import("./graph-parts.js").Size} Size
 */

import { drawing, setText, stillness } from "./dom.js";
import { cardParts, dotParts, showLink, showNode, sizeFor } from "./graph-parts.js";
import { CIRCLE, inRows, place } from "./layout.js";

/** How long a node or a link stays lit when a flood reaches it. */
const LIT_MS = 1400;

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
    this.names = herd.nodes.map(({ name }) => name);
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
      const [a, b] = [this.#points.get(link.a), this.#points.get(link.b)];
      if (group && a && b) showLink(group, link, [a, b], this.#size);
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
