/** Puts the page together. */

import { get } from "./api.js";
import { byId } from "./dom.js";
import { FloodView } from "./flood-view.js";
import { Graph, herdTables } from "./graph.js";
import { Motions } from "./motion.js";
import { openStream } from "./stream.js";
import { Summary } from "./summary.js";

/** @type {import("./types.js").Herd} */
const herd = await get("/api/herd");
const summary = new Summary(herd, () => {});
const graph = new Graph(byId("graph"), byId("graph-info"), herd, () => {});
const motions = new Motions(byId("motion"), graph);
const floods = new FloodView(byId("floods"), graph, motions, herd.node_names.length);

openStream({
  herd(state) {
    graph.show(state);
    floods.showState(state);
    summary.show(state);
    byId("herd-tables").replaceChildren(...herdTables(state));
  },
  updates: (updates) => floods.add(updates),
  notice() {},
  missed() {},
  alive: (alive) => summary.alive(alive),
});
