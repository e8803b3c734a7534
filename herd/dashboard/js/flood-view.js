/**
 * Shows floods: hop by hop in slow motion while there are few, as a flow while there are many, and
 * always in words.
 *
 * @typedef {import("./types.js").Updates} Updates
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./flood.js").Flood} Flood
 * @typedef {import("./flood.js").Hop} Hop
 */

import { element, setText, stillness } from "./dom.js";
import { Floods } from "./flood.js";
import { count, duration, rate } from "./format.js";
import { reportsOf } from "./summary.js";

/** How long a hop takes in slow motion. */
const HOP_MS = 550;
/** How long to wait for a flood's first events, which may come in any order. */
const GATHER_MS = 120;
/** How long to wait for the sender of a hop. */
const SENDER_MS = 1000;
/** From this many reports a second on, floods are shown as a flow. */
const FLOW_RATE = 6;
/** The most floods in slow motion at a time, and in a large herd. */
const MOST_SLOW = 4;
const MOST_SLOW_CROWDED = 1;
/** The floods that are shown in words. */
const LINES = 2;

export class FloodView {
  #floods = new Floods();
  /** @type {Map<Flood, number>} when the slow motion of a flood began */
  #slow = new Map();
  /** @type {Map<Flood, HTMLLIElement>} */
  #lines = new Map();
  // Until the first state comes, there may be many.
  #rate = Infinity;
  #lastRate = Infinity;
  /** @type {Set<(flood: Flood, hop: Hop) => void>} */
  #watchers = new Set();

  /**
   * @param {HTMLElement} list
   * @param {import("./graph.js").Graph} graph
   * @param {import("./motion.js").Motions} motions
   * @param {import("./types.js").Herd} herd
   */
  constructor(list, graph, motions, herd) {
    this.list = list;
    this.graph = graph;
    this.motions = motions;
    this.nodes = herd.nodes.length;
    this.neighbours = new Map(herd.nodes.map(({ name, neighbours }) => [name, neighbours]));
  }

  /** Calls `watcher` for each hop, at the time when it is known. @param {(flood: Flood, hop: Hop) => void} watcher */
  watch(watcher) {
    this.#watchers.add(watcher);
  }

  /** Whether floods are shown as a flow. */
  get flows() {
    // One report in the short time before an action looks like a high rate, once.
    return Math.min(this.#rate, this.#lastRate) >= FLOW_RATE;
  }

  /** @param {HerdState} state */
  showState(state) {
    this.#lastRate = this.#rate;
    this.#rate = reportsOf(state);
    this.#writeFlow();
    const flows = this.flows ? state.links.flatMap(({ a, b, a_to_b, b_to_a }) => [
      { from: a, to: b, linesPerSecond: a_to_b.lines_per_second ?? 0 },
      { from: b, to: a, linesPerSecond: b_to_a.lines_per_second ?? 0 },
    ]) : [];
    this.motions.setFlow(flows);
  }

  /** @param {Updates} updates */
  add({ node, left_out, updates }) {
    const now = performance.now();
    for (const update of updates) {
      const { flood, hops } = this.#floods.add(node, update, now);
      const most = this.graph.isCrowded ? MOST_SLOW_CROWDED : MOST_SLOW;
      const isFree = !this.flows && left_out === 0 && this.#slow.size < most;
      if (isFree && !this.#slow.has(flood)) this.#beginSlow(flood, now, hops.at(0)?.depth ?? 0);
      for (const hop of hops) this.#show(flood, hop, now);
    }
  }

  /** @param {Flood} flood @param {number} now @param {number} depth of the first hop to be shown */
  #beginSlow(flood, now, depth) {
    this.#slow.set(flood, now + GATHER_MS - Math.max(0, depth - 1) * HOP_MS);
    setTimeout(() => this.#giveUpWaiting(flood), SENDER_MS);
    setTimeout(() => this.#slow.delete(flood), GATHER_MS + HOP_MS * 8);
  }

  /** @param {Flood} flood */
  #giveUpWaiting(flood) {
    const now = performance.now();
    const hops = flood.giveUpWaiting((node) => this.neighbours.get(node) ?? []);
    if (hops.length > 0 && this.#slow.has(flood)) this.#slow.set(flood, now - Math.max(0, hops[0].depth - 1) * HOP_MS);
    for (const hop of hops) this.#show(flood, hop, now);
  }

  /** @param {Flood} flood @param {Hop} hop @param {number} now */
  #show(flood, hop, now) {
    for (const watcher of this.#watchers) watcher(flood, hop);
    const began = this.#slow.get(flood);
    if (began === undefined || document.hidden) return;
    const begins = Math.max(now, began + Math.max(0, hop.depth - 1) * HOP_MS);
    setTimeout(() => this.#play(flood, hop), begins - now);
  }

  /** @param {Flood} flood @param {Hop} hop */
  #play(flood, { from, to }) {
    const arrive = () => {
      this.graph.light(to);
      this.#write(flood);
    };
    if (stillness.matches) {
      if (from !== null) this.graph.lightLink(from, to);
      arrive();
    } else if (from === null) {
      this.motions.ring(to, 900);
      arrive();
    } else {
      this.graph.lightLink(from, to);
      this.motions.hop(from, to, HOP_MS, arrive);
    }
  }

  /** @param {Flood} flood */
  #write(flood) {
    let line = this.#lines.get(flood);
    if (!line) {
      line = element("li", {});
      this.#lines.set(flood, line);
      this.list.prepend(line);
      while (this.list.childElementCount > LINES) this.list.lastElementChild?.remove();
      for (const [known, item] of this.#lines) if (!item.isConnected) this.#lines.delete(known);
    }
    line.replaceChildren(
      element("span", { class: "id" }, flood.client),
      element("span", { class: "took" }, reached(flood, this.nodes)),
      element("span", { class: "way" }, flood.removed ? "removed: " : "", wayInWords(flood)));
  }

  #writeFlow() {
    let line = /** @type {HTMLElement | null} */ (this.list.querySelector(".flowing"));
    if (!this.flows) return line?.remove();
    if (!line) {
      line = element("li", { class: "flowing" });
      this.list.replaceChildren(line);
      this.#lines.clear();
    }
    setText(line, `Clients send ${rate(this.#rate)} reports a second. The dots show how busy each link is.`);
  }
}

/** The way of a flood, level by level: Alford → Parker, Powell → Bolden, Hamilton. @param {Flood} flood */
export function wayInWords(flood) {
  return flood.levels().map((level) => level.join(", ")).join(" → ");
}

/** @param {Flood} flood @param {number} nodes */
export function reached(flood, nodes) {
  const seconds = flood.seconds();
  const known = flood.depths.size;
  const where = known === nodes ? `all ${count(nodes)} nodes` : `${count(known)} of ${count(nodes)} nodes`;
  return known > 1 && seconds != null ? `${where} in ${duration(seconds)}` : where;
}
