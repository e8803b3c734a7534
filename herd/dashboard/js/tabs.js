/** The tabs of the side panel: arrow keys move between them, as in every set of tabs. */

import { byId, element } from "./dom.js";

export class Tabs {
  /** @type {Map<string, HTMLButtonElement>} */
  #tabs = new Map();

  /**
   * @param {[string, string][]} panels the part of each panel's id after `panel-`, and its title
   */
  constructor(panels) {
    for (const [name, title] of panels) {
      const tab = element("button", {
        type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
        onclick: () => this.open(name),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#move(event, name),
      }, title);
      this.#tabs.set(name, tab);
    }
    byId("tabs").replaceChildren(...this.#tabs.values());
    this.open(panels[0][0]);
  }

  /** @param {string} name */
  open(name) {
    if (!this.#tabs.has(name)) return;
    for (const [other, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      byId(`panel-${other}`).hidden = other !== name;
    }
  }

  /** @param {string} name */
  isOpen(name) {
    return this.#tabs.get(name)?.getAttribute("aria-selected") === "true";
  }

  /** @param {KeyboardEvent} event @param {string} name */
  #move(event, name) {
    const names = [...this.#tabs.keys()];
    const at = names.indexOf(name);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const target = names[(next + names.length) % names.length];
    this.open(target);
    this.#tabs.get(target)?.focus();
  }
}
