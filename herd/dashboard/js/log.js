/** The log of a node, filtered by text: a client, a neighbour, or any words. */

import { get, nodePath } from "./api.js";
import { element } from "./dom.js";

/** How many lines are shown. */
const LINES = 200;
const PAUSE_MS = 250;

export class NodeLog {
  #node = "";
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  constructor() {
    this.filter = element("input", { id: "log-filter", type: "search", class: "mono", autocomplete: "off", spellcheck: "false",
      oninput: () => this.#soon() });
    this.json = element("a", { class: "json", target: "_blank", rel: "noopener", "aria-label": "Log as JSON" }, "JSON");
    this.note = element("p", { class: "quiet", hidden: true });
    this.lines = element("pre", { class: "log", tabindex: 0, role: "region", "aria-label": "Log lines" });
    this.body = element("details", { class: "log-room", ontoggle: () => this.#soon() },
      element("summary", {}, "Log"),
      element("div", { class: "row" },
        element("div", { class: "field" }, element("label", { for: this.filter.id }, "Lines that contain"), this.filter),
        element("button", { type: "button", onclick: () => this.#load() }, "Refresh"), this.json),
      this.note, this.lines);
  }

  /** @param {string} node */
  choose(node) {
    this.#node = node;
    this.lines.textContent = "";
    this.#soon();
  }

  /** Says so if the lines of clients and links are not in the log. @param {string | null | undefined} level */
  setLevel(level) {
    this.note.hidden = level == null || level === "debug" || level === "trace";
    this.note.textContent = `${this.#node} logs at ${level}, without the lines of clients and links.`
      + ` \u201ccargo xtask herd-logs ${this.#node} --lines on\u201d adds them.`;
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), PAUSE_MS);
  }

  async #load() {
    if (!this.body.open) return;
    const question = ++this.#asked;
    const path = nodePath(this.#node, "log", { contains: this.filter.value, lines: LINES });
    this.json.href = path;
    let text;
    try {
      const { lines } = await get(path);
      text = lines.join("\n") || "No line contains that.";
    } catch (error) {
      text = error instanceof Error ? error.message : String(error);
    }
    if (question !== this.#asked) return;
    this.lines.textContent = text;
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}
