/**
 * The head of the page: which nodes are sick, and the numbers of the whole herd.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").NodeNow} NodeNow
 */

import { byId, element, setText } from "./dom.js";
import { brief, duration, rate } from "./format.js";
import { icon, tone } from "./shapes.js";

/** The most sick nodes that are named one by one. */
const NAMED = 3;

export class Summary {
  #text = "";

  /**
   * @param {Herd} herd
   * @param {(node: string) => void} choose
   */
  constructor(herd, choose) {
    this.choose = choose;
    byId("herd-name").textContent = herd.name;
    document.title = `${herd.name} – herd`;
  }

  /** @param {HerdState} state */
  show(state) {
    const sick = state.nodes.filter((node) => tone(node.state) === "bad" || tone(node.state) === "warn");
    const links = state.links.filter((link) => link.state !== "up" && link.state !== "unknown").length;
    const text = sick.map((node) => `${node.name} is ${node.state}`).join(", ") + `, ${links}`;
    setText(byId("total-reports"), rate(Math.max(0, ...state.nodes.map((node) => node.reports_per_second ?? 0))));
    setText(byId("total-clients"), brief(largest(state.nodes.map((node) => node.clients))));
    if (text === this.#text) return;
    this.#text = text;
    byId("summary").replaceChildren(...(sick.length > 0 ? this.#sick(sick, state.nodes.length) : [well(state, links)]));
  }

  /** @param {{ flood_p50_seconds: number | null, flood_p99_seconds: number | null } | undefined} second */
  showFloods(second) {
    setText(byId("total-p50"), duration(second?.flood_p50_seconds));
    setText(byId("total-p99"), duration(second?.flood_p99_seconds));
  }

  /** Greys the page while the stream is broken. @param {boolean} alive */
  alive(alive) {
    byId("banner").hidden = alive;
    document.body.classList.toggle("stale", !alive);
  }

  /** @param {NodeNow[]} sick @param {number} nodes */
  #sick(sick, nodes) {
    const worst = [...sick].sort((a, b) => Number(tone(b.state) === "bad") - Number(tone(a.state) === "bad"));
    const named = worst.slice(0, NAMED).map((node) => element("button", {
      type: "button", class: `sick ${tone(node.state)}`, title: node.reasons.join("; ") || null,
      onclick: () => this.choose(node.name),
    }, icon(node.state), `${node.name} is ${node.state}`));
    const others = sick.length > NAMED ? [element("span", {}, `and ${sick.length - NAMED} more`)] : [];
    return [...named, ...others, element("span", { class: "quiet" }, `${nodes - sick.length} of ${nodes} well`)];
  }
}

/** @param {HerdState} state @param {number} links that are not up */
function well(state, links) {
  const watched = state.nodes.filter((node) => node.state === "ready").length;
  const text = watched === state.nodes.length ? `All ${watched} nodes are ready` : `${watched} nodes are ready`;
  const more = links === 0 ? "" : links === 1 ? ", but a link is not up" : `, but ${links} links are not up`;
  return element("span", { class: links === 0 ? "all-well" : "warn" }, text + more);
}

/** @param {(number | null)[]} values */
function largest(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.max(...known) : null;
}
