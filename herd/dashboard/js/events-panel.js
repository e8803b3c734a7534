/**
 * The panel of what happened, the latest first.
 *
 * @typedef {import("./types.js").Notice} Notice
 */

import { byId, element } from "./dom.js";
import { clock, count } from "./format.js";

/** How many events are kept. */
const KEPT = 200;

export class EventsPanel {
  constructor() {
    this.list = element("ol", { class: "events", "aria-label": "Events" });
    this.none = element("p", { class: "quiet" }, "Nothing has happened yet. Links that go up or down, refusals, warnings and actions appear here.");
    byId("panel-events").replaceChildren(
      element("p", { class: "links" }, "These events: ",
        element("a", { class: "json", href: "/api/history", target: "_blank", rel: "noopener", "aria-label": "Events as JSON" }, "JSON")),
      this.none, this.list);
  }

  /** Replaces everything, as after the stream was broken. @param {Notice[]} notices the oldest first */
  reset(notices) {
    this.list.replaceChildren();
    for (const notice of notices) this.add(notice);
  }

  /** @param {Notice} notice */
  add({ at_ms, node, kind, text }) {
    this.none.hidden = true;
    this.list.prepend(element("li", { class: `event ${kind}` },
      element("time", { datetime: new Date(at_ms).toISOString() }, clock(at_ms)),
      element("span", { class: "kind" }, kind),
      element("span", { class: "text" }, node ? element("strong", {}, `${node} `) : null, text)));
    while (this.list.childElementCount > KEPT) this.list.lastElementChild?.remove();
  }

  /** @param {number} events that this browser was too slow for */
  missed(events) {
    this.add({ at_ms: Date.now(), node: null, kind: "missed", text: `This page was too slow and missed ${count(events)} events.` });
  }
}
