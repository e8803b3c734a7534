/**
 * The panel that talks with nodes: reports, questions, lines by hand, and what nodes answered.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./flood.js").Flood} Flood
 * @typedef {import("./clients.js").KnownClient} KnownClient
 */

import { post } from "./api.js";
import { atLine, iamat, placesOf } from "./answer.js";
import { byId, element, setText, whyNot } from "./dom.js";
import { reached, wayInWords } from "./flood-view.js";
import { duration } from "./format.js";
import { clientSearch } from "./search.js";

/** How many exchanges are kept on the page. */
const KEPT = 30;

export class Talk {
  /** Reports whose floods are still under way: the client, and where its way is shown. @type {{ client: string, way: HTMLElement }[]} */
  #onTheirWay = [];

  /**
   * @param {Herd} herd
   * @param {import("./map.js").HerdMap} map
   */
  constructor(herd, map) {
    this.herd = herd;
    this.map = map;
    this.exchanges = element("div", { class: "exchanges", role: "log", "aria-label": "Conversation", tabindex: 0 });
    this.node = element("select", { id: "talk-node" }, ...herd.nodes.map(({ name }) => element("option", {}, name)));
    this.client = input("talk-client", "mono", "kiwi");
    this.latitude = input("talk-latitude", "mono", "34.06893");
    this.longitude = input("talk-longitude", "mono", "-118.445127");
    this.km = input("talk-km", "", "10", { type: "number", min: 0, max: 50, step: "any" });
    this.most = input("talk-most", "", "5", { type: "number", min: 0, max: 20, step: 1 });
    this.line = input("talk-line", "mono", "");
    this.line.placeholder = "WHATSAT kiwi 10 5";
    this.report = element("button", { class: "main" }, "Report");
    this.ask = element("button", { class: "main" }, "Ask");
    byId("panel-talk").replaceChildren(...whyNot(herd), this.#form(), this.exchanges);
    this.#greet();
  }

  /** Takes a place of the map for the next report. @param {number} latitude @param {number} longitude */
  takePlace(latitude, longitude) {
    this.latitude.value = latitude.toFixed(6);
    this.longitude.value = longitude.toFixed(6);
    this.map.showTarget(latitude, longitude);
    (this.client.value ? this.report : this.client).focus({ preventScroll: !isNarrow() });
  }

  /** Takes a client of the map or the list for the next question. @param {KnownClient} client */
  takeClient({ client }) {
    this.client.value = client;
    this.ask.focus({ preventScroll: !isNarrow() });
  }

  /** Shows the way of a flood that began here. @param {Flood} flood */
  showHop(flood) {
    for (const { client, way } of this.#onTheirWay) {
      if (client !== flood.client) continue;
      setText(way, `${wayInWords(flood)}: ${reached(flood, this.herd.nodes.length)}`);
    }
  }

  #form() {
    const parts = [
      element("div", { class: "pair" }, labelled("Node", this.node), labelled("Client id", this.client)),
      form("Report a location", () => this.#report(),
        labelled("Latitude", this.latitude), labelled("Longitude", this.longitude), this.report),
      form("Ask what is near", () => this.#ask(),
        labelled("Radius in km", this.km), labelled("At most (places)", this.most), this.ask),
      form("Say a line, as in telnet", () => this.#say(this.line.value),
        labelled("Line", this.line), element("button", {}, "Send")),
    ];
    const controls = element("fieldset", { class: "controls", disabled: !this.herd.may_act },
      element("legend", { class: "unseen" }, "Talk with a node"), ...parts);
    const search = clientSearch(() => this.node.value, (client) => this.takeClient(client));
    return element("div", { class: "talk-controls" }, controls, search);
  }

  #greet() {
    this.exchanges.append(element("p", { class: "quiet" },
      "What nodes answer appears here, byte for byte. A byte that is not text is written as \\xNN."));
  }

  async #report() {
    const [latitude, longitude] = [Number(this.latitude.value), Number(this.longitude.value)];
    if (!this.latitude.value.trim() || !this.longitude.value.trim() || Number.isNaN(latitude + longitude)) {
      this.#show("", "latitude and longitude are numbers: +34.06893 and -118.445127", true);
      return;
    }
    const ms = performance.timeOrigin + performance.now();
    const client = this.client.value.trim();
    const way = element("p", { class: "way quiet" });
    const expected = { client, way };
    this.#onTheirWay.push(expected);
    const answer = await this.#say(iamat(client, latitude, longitude, ms), way);
    if (answer?.startsWith("AT ")) setText(way, way.textContent || "No node has passed it on yet.");
    else this.#onTheirWay.splice(this.#onTheirWay.indexOf(expected), 1);
    setTimeout(() => (this.#onTheirWay = this.#onTheirWay.filter((other) => other !== expected)), 5000);
  }

  async #ask() {
    const km = this.km.value.trim();
    const answer = await this.#say(`WHATSAT ${this.client.value.trim()} ${km} ${this.most.value.trim()}`);
    this.#showPlaces(answer, Number(km));
  }

  /** @param {string | null} answer @param {number} km */
  #showPlaces(answer, km) {
    const client = atLine(answer ?? "");
    const found = placesOf(answer ?? "");
    if (!client || !found) return;
    this.map.showPlaces(client, km, found.places);
    const unplaced = found.places.filter((place) => place.latitude === null).length;
    const list = element("ol", { class: "places" }, ...found.places.map((place) => element("li", {},
      element("strong", {}, place.name), place.vicinity && ` ${place.vicinity}`)));
    const notes = [
      found.places.length === 0 && `No places (${found.status || "no status"}).`,
      unplaced > 0 && `${unplaced} of them say no location, so the map has no pin for them.`,
    ].filter((note) => note !== false).map((note) => element("p", { class: "quiet" }, note));
    const credits = found.credits.map(({ text, link }) => element("p", { class: "quiet credit" },
      link ? element("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, text) : text));
    this.exchanges.lastElementChild?.append(list, ...notes, ...credits);
    this.#scroll();
  }

  /**
   * Says a line to the chosen node, and shows the answer.
   *
   * @param {string} line
   * @param {HTMLElement} [way] where the way of a report is shown
   * @returns {Promise<string | null>} the answer; null if there is none
   */
  async #say(line, way) {
    const node = this.node.value;
    try {
      const { answer, seconds, hint } = await post("/api/say", { node, line });
      this.#show(line, answer, false, `${node} in ${duration(seconds)}`, way);
      if (hint) this.exchanges.lastElementChild?.append(element("p", { class: "quiet" }, `Hint: ${hint}`));
      return answer;
    } catch (error) {
      this.#show(line, error instanceof Error ? error.message : String(error), true, node);
      return null;
    }
  }

  /** @param {string} line @param {string} answer @param {boolean} failed @param {string} [note] @param {HTMLElement} [way] */
  #show(line, answer, failed, note, way) {
    const head = note ? [element("p", { class: "exchange-head" }, note)] : [];
    const said = line ? [element("pre", { class: "said" }, line)] : [];
    this.exchanges.querySelector(":scope > p")?.remove();
    this.exchanges.append(element("article", { class: "exchange" }, ...head, ...said,
      element("pre", { class: failed ? "answer bad" : "answer" }, answer), way));
    while (this.exchanges.childElementCount > KEPT) this.exchanges.firstElementChild?.remove();
    this.#scroll();
  }

  #scroll() {
    this.exchanges.scrollTop = this.exchanges.scrollHeight;
    if (isNarrow()) this.exchanges.lastElementChild?.scrollIntoView({ block: "nearest" });
  }
}

const isNarrow = () => matchMedia("(max-width: 1099px)").matches;

/** @param {string} id @param {string} style @param {string} value @param {import("./dom.js").Attributes} [more] */
function input(id, style, value, more = {}) {
  return element("input", { id, class: style, value, autocomplete: "off", spellcheck: "false", ...more });
}

/** @param {string} text @param {HTMLInputElement | HTMLSelectElement} control */
export function labelled(text, control) {
  return element("div", { class: "field" }, element("label", { for: control.id }, text), control);
}

/** @param {string} title @param {() => void} submit @param {...HTMLElement} parts */
function form(title, submit, ...parts) {
  return element("form", {
    "aria-label": title,
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      submit();
    },
  }, element("h3", {}, title), element("div", { class: "row" }, ...parts));
}
