/**
 * The panel that looks closer at one node.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").NodeNow} NodeNow
 * @typedef {import("./types.js").Status} Status
 */

import { nodePath } from "./api.js";
import { byId, element, table } from "./dom.js";
import { bytes, count, duration, rate } from "./format.js";
import { NodeLog } from "./log.js";
import { icon, tone } from "./shapes.js";
import { labelled } from "./talk.js";

export class NodePanel {
  /** @type {HerdState | null} */
  #state = null;
  #actionsFor = "";

  /**
   * @param {Herd} herd
   * @param {import("./actions.js").Actions | null} actions null without a harness
   * @param {(node: string) => void} chosen
   */
  constructor(herd, actions, chosen) {
    this.herd = herd;
    this.actions = actions;
    this.chosen = chosen;
    this.select = element("select", { id: "closer-node", onchange: () => this.choose(this.select.value) },
      ...herd.nodes.map(({ name }) => element("option", {}, name)));
    this.links = element("p", { class: "links" });
    this.state = element("div", { class: "node-state", role: "status" });
    this.buttons = element("div", { class: "row buttons" });
    this.numbers = element("div", { class: "node-numbers" });
    this.log = herd.harness?.shows_logs ? new NodeLog() : null;
    byId("panel-node").replaceChildren(
      labelled("Node to look at", this.select), this.state, this.buttons, this.links, this.numbers,
      ...(this.log ? [this.log.body] : []));
    this.choose(herd.nodes[0].name, true);
  }

  /** @param {string} node @param {boolean} [quiet] */
  choose(node, quiet = false) {
    this.select.value = node;
    this.#actionsFor = "";
    this.links.replaceChildren("As it says itself: ", link(node, "status"), " ", link(node, "metrics"));
    this.log?.choose(node);
    this.#draw();
    if (!quiet) this.chosen(node);
  }

  /** @param {HerdState} state */
  show(state) {
    this.#state = state;
    if (!byId("panel-node").hidden || this.numbers.childElementCount === 0) this.#draw();
  }

  #draw() {
    const node = this.#state?.nodes.find(({ name }) => name === this.select.value);
    if (!node) return;
    this.#drawState(node);
    const status = node.status;
    this.log?.setLevel(status?.log_level);
    const open = this.numbers.querySelector("details")?.open ?? false;
    this.numbers.replaceChildren(...(status ? [
      facts(node, status), neighbours(status), durations(status), counters(status, open),
    ] : [element("p", { class: "quiet" }, "It says nothing about itself at the moment.")]));
  }

  /** @param {NodeNow} node */
  #drawState(node) {
    const text = [node.name, node.state, ...node.reasons].join();
    if (this.#actionsFor === text) return;
    this.#actionsFor = text;
    this.state.className = `node-state ${tone(node.state)}`;
    this.state.replaceChildren(icon(node.state), element("strong", {}, node.state),
      element("span", {}, node.reasons.join("; ")));
    this.buttons.replaceChildren(...(this.herd.may_act && this.actions ? this.actions.buttonsFor(node) : []));
  }
}

/** @param {string} node @param {string} what */
function link(node, what) {
  return element("a", { class: "json", href: nodePath(node, what), target: "_blank", rel: "noopener" }, what);
}

/** @param {NodeNow} node @param {Status} status */
function facts(node, status) {
  /** @type {[string, string, string?][]} */
  const rows = [
    ["Reports", `${rate(node.reports_per_second)} a second`],
    ["Answer, p50 and p99", `${duration(node.answer_p50_seconds)}, ${duration(node.answer_p99_seconds)}`],
    ["Clients", limit(count(status.clients), status.clients, status.clients_limit, count)],
    ["Memory", limit(bytes(status.memory_bytes), status.memory_bytes, status.memory_limit_bytes, bytes)],
    ["Connections", count(status.connections)],
    ["Durability", status.durability],
    ["Journal", bytes(status.journal_bytes)],
    ["Up for", duration(status.uptime_seconds)],
  ];
  return element("dl", { class: "facts" }, ...rows.map(([name, value]) => element("div", {},
    element("dt", {}, name), element("dd", {}, value))));
}

/** @param {string} text @param {number} value @param {number} most @param {(value: number) => string} format */
function limit(text, value, most, format) {
  if (!(most > 0)) return text;
  const share = (value / most) * 100;
  return `${text} of ${format(most)} (${share > 0 && share < 1 ? "under 1" : Math.round(share)} %)`;
}

/** @param {Status} status */
function neighbours(status) {
  return table("Neighbours", ["Name", "Link", "Lags by", "Round trip", "Clock"], status.neighbours.map((other) => [
    other.name,
    other.linked ? "up" : other.dial_error ?? "down",
    other.lag === null ? "–" : count(other.lag),
    duration(other.round_trip_seconds),
    other.clock_ahead_seconds == null ? "–" : `${other.clock_ahead_seconds < 0 ? "" : "+"}${duration(other.clock_ahead_seconds)}`,
  ]));
}

/** What each kind of duration is called. @type {Record<string, string>} */
const DURATIONS = {
  answer_iamat: "Answer to IAMAT",
  answer_whatsat: "Answer to WHATSAT",
  answer_invalid: "Answer to the rest",
  places_request: "Request for places",
  journal_write: "Journal write",
  journal_sync: "Journal sync",
  link_round_trip: "Link round trip",
  update_age: "Age of updates",
};

/** @param {Status} status */
function durations(status) {
  const rows = Object.entries(status.durations ?? {}).filter(([, { count }]) => count > 0);
  return table("Durations since the start", ["What", "Count", "p50", "p99"], rows.map(([name, value]) => [
    DURATIONS[name] ?? name, count(value.count), duration(value.p50_seconds), duration(value.p99_seconds),
  ]));
}

/** @param {Status} status @param {boolean} open */
function counters(status, open) {
  /** @type {[string, number | string][]} */
  const rows = [
    ...Object.entries(status.lines).map(([name, value]) => /** @type {[string, number]} */ ([`lines: ${name}`, value])),
    ["new ids refused", status.new_ids_refused],
    ["connections refused", status.connections_refused],
    ["TLS handshakes failed", status.handshakes_failed],
    ["links refused", status.links_refused],
    ["forgotten clients", status.clients_forgotten],
    ["removed clients", `${count(status.removed_clients)} of ${count(status.removed_clients_limit)}`],
    ...Object.entries(status.places_questions).map(([name, value]) => /** @type {[string, number]} */ ([`places: ${name}`, value])),
    ["places refused", status.places_refused],
    ["circuit breaker of places", status.places_breaker],
    ["log lines dropped", status.log_lines_dropped],
  ];
  return element("details", { open }, element("summary", {}, "Limits and counters"),
    table("Limits and counters", ["What", "Value"], rows.map(([name, value]) => [
      name.replaceAll("_", " "), typeof value === "number" ? count(value) : value])));
}
