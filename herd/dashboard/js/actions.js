/**
 * The panel that breaks and mends the herd, where a harness runs it.
 *
 * @typedef {import("./types.js").Herd} Herd
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").NodeNow} NodeNow
 * @typedef {import("./types.js").LinkNow} LinkNow
 */

import { post } from "./api.js";
import { byId, element, setText, whyNot } from "./dom.js";
import { icon, tone } from "./shapes.js";

/** What can be done with a node, by its state. @param {NodeNow} node @returns {string[]} */
export function nodeActions({ state }) {
  if (state === "down") return ["restart"];
  if (state === "paused") return ["resume", "kill"];
  return ["pause", "kill", "restart"];
}

/** What each action is called, and what it does. @type {Record<string, [string, string]>} */
const TITLES = {
  pause: ["Pause", "Stop the process of the node for a while: its links stay open until others give up"],
  resume: ["Resume", "Let the process go on"],
  kill: ["Kill", "End the process at once, as a crash does"],
  restart: ["Restart", "End the process if it runs, and start it again"],
  cut: ["Cut", "Let nothing through between the two nodes"],
  heal: ["Heal", "Let everything through again"],
};

export class Actions {
  /** @type {Map<string, { row: HTMLElement, shown: string }>} */
  #rows = new Map();

  /** @param {Herd} herd */
  constructor(herd) {
    this.herd = herd;
    this.note = element("p", { class: "outcome", role: "status" });
    this.nodes = element("ul", { class: "breakables", "aria-label": "Nodes to break" });
    this.links = element("ul", { class: "breakables", "aria-label": "Links to break" });
    const noCuts = herd.harness?.cuts_links === false
      ? [element("p", { class: "quiet" }, herd.harness.why_no_cuts ?? "Links cannot be cut.")] : [];
    byId("panel-break").replaceChildren(...whyNot(herd),
      element("h3", {}, "Nodes"), this.nodes, element("h3", {}, "Links"), ...noCuts, this.links, this.note);
  }

  /** @param {HerdState} state */
  show(state) {
    for (const node of state.nodes) this.#showNode(node);
    for (const link of state.links) this.#showLink(link);
  }

  /** The buttons for a node. @param {NodeNow} node */
  buttonsFor(node) {
    return nodeActions(node).map((action) => this.#button(action, node.name, nodeAction(node.name, action)));
  }

  /** @param {NodeNow} node */
  #showNode(node) {
    this.#row(this.nodes, node.name, node.state, () => [
      element("span", { class: `what ${tone(node.state)}` }, icon(node.state),
        element("strong", {}, node.name), element("span", { class: "word" }, node.state)),
      element("span", { class: "buttons" }, ...this.buttonsFor(node)),
    ]);
  }

  /** @param {LinkNow} link */
  #showLink({ a, b, state }) {
    const action = state === "cut" ? "heal" : "cut";
    const path = `/api/links/${encodeURIComponent(a)}/${encodeURIComponent(b)}/${action}`;
    this.#row(this.links, `${a} ${b}`, state, () => {
      const button = this.#button(action, `${a} to ${b}`, path);
      if (this.herd.harness?.cuts_links === false) button.disabled = true;
      return [
        element("span", { class: `what ${state === "up" ? "" : "bad"}` },
          element("strong", {}, `${a} – ${b}`), element("span", { class: "word" }, state === "never" ? "never up" : state)),
        element("span", { class: "buttons" }, button),
      ];
    });
  }

  /**
   * Writes a row again only if its state changed, so that the focus stays where it is.
   *
   * @param {HTMLElement} list
   * @param {string} name
   * @param {string} state
   * @param {() => HTMLElement[]} parts
   */
  #row(list, name, state, parts) {
    const known = this.#rows.get(name);
    if (known?.shown === state) return;
    const row = known?.row ?? list.appendChild(element("li", {}));
    const hadFocus = row.contains(document.activeElement);
    row.replaceChildren(...parts());
    if (hadFocus) row.querySelector("button")?.focus();
    this.#rows.set(name, { row, shown: state });
  }

  /** @param {string} action @param {string} what @param {string} path */
  #button(action, what, path) {
    const [title, meaning] = TITLES[action];
    return element("button", {
      type: "button", class: action === "kill" || action === "cut" ? "danger" : null, title: meaning,
      "aria-label": `${title} ${what}`, disabled: !this.herd.may_act,
      onclick: (/** @type {Event} */ event) => this.#act(/** @type {HTMLButtonElement} */ (event.currentTarget), path, `${title} ${what}`),
    }, title);
  }

  /** @param {HTMLButtonElement} button @param {string} path @param {string} what */
  async #act(button, path, what) {
    button.disabled = true;
    setText(this.note, `${what} …`);
    try {
      await post(path);
      setText(this.note, `${what}: done`);
    } catch (error) {
      setText(this.note, `${what}: ${error instanceof Error ? error.message : error}`);
    }
    button.disabled = false;
  }
}

/** @param {string} node @param {string} action */
function nodeAction(node, action) {
  return `/api/nodes/${encodeURIComponent(node)}/${action}`;
}
