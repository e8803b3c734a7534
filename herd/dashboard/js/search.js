/**
 * The list of clients whose ids begin with some text, asked from a node.
 *
 * @typedef {import("./clients.js").KnownClient} KnownClient
 */

import { get, nodePath } from "./api.js";
import { element } from "./dom.js";
import { count } from "./format.js";

/** The most clients in the list. */
const MOST = 20;
/** How long to wait for the next key. */
const PAUSE_MS = 200;

/**
 * @param {() => string} node the node to ask
 * @param {(client: KnownClient) => void} choose
 */
export function clientSearch(node, choose) {
  const field = element("input", { id: "client-search", type: "search", class: "mono", autocomplete: "off", spellcheck: "false" });
  const found = element("ul", { class: "found", "aria-label": "Clients found" });
  const note = element("p", { class: "quiet", role: "status" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let asked = 0;

  const search = async () => {
    const question = ++asked;
    const prefix = field.value;
    try {
      /** @type {import("./types.js").ClientPage} */
      const page = await get(nodePath(node(), "clients", { prefix, limit: MOST }));
      if (question !== asked) return;
      found.replaceChildren(...page.clients.map((client) => element("li", {},
        element("button", { type: "button", class: "client", onclick: () => choose(client) }, client.client))));
      note.textContent = page.clients.length === 0 ? "No client begins so."
        : page.next !== null ? `The first ${MOST}; ${node()} knows ${count(page.known)} clients.` : "";
    } catch (error) {
      if (question !== asked) return;
      found.replaceChildren();
      note.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  };
  field.addEventListener("input", soon);

  return element("details", { class: "search", ontoggle: soon },
    element("summary", {}, "Find a client"),
    element("label", { for: field.id }, "Clients that begin with"), field, note, found);
}
