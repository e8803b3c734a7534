/** Puts the page together. */

import { Actions } from "./actions.js";
import { get, nodePath } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { EventsPanel } from "./events-panel.js";
import { FloodView } from "./flood-view.js";
import { count } from "./format.js";
import { Graph } from "./graph.js";
import { herdTables } from "./herd-tables.js";
import { Lessons } from "./lesson.js";
import { HerdMap } from "./map.js";
import { Motions } from "./motion.js";
import { NodePanel } from "./node-panel.js";
import { openStream } from "./stream.js";
import { Summary } from "./summary.js";
import { Tabs } from "./tabs.js";
import { Talk } from "./talk.js";
import { watchTheme } from "./theme.js";
import { legend, TimeLine } from "./timeline.js";

/** How long to wait before the dashboard is asked again for the herd. */
const PAUSE_MS = 1000;

/** @param {import("./types.js").Herd} herd */
function start(herd) {
  const broken = herd.harness ? [["break", "Break"], ["lessons", "Lessons"]] : [];
  const tabs = new Tabs(/** @type {[string, string][]} */ ([["talk", "Talk"], ["node", "Node"], ...broken, ["events", "Events"]]));
  /** @param {string} node */
  const lookAt = (node) => {
    tabs.open("node");
    nodePanel.choose(node);
    byId("side").scrollIntoView({ block: "nearest" });
  };

  const summary = new Summary(herd, lookAt);
  const graph = new Graph(byId("graph"), byId("graph-info"), herd, lookAt);
  const floods = new FloodView(byId("floods"), graph, new Motions(byId("motion"), graph), herd);
  const map = new HerdMap(byId("map"), {
    place(latitude, longitude) {
      tabs.open("talk");
      talk.takePlace(latitude, longitude);
    },
    client(client) {
      tabs.open("talk");
      talk.takeClient(client);
    },
  });
  const talk = new Talk(herd, map);
  const actions = herd.harness ? new Actions(herd) : null;
  const nodePanel = new NodePanel(herd, actions, (node) => graph.markChosen(node));
  const lessons = herd.harness ? new Lessons(herd, () => map.reset()) : null;
  const events = new EventsPanel();
  const timeLine = new TimeLine((second) => summary.showFloods(second));
  byId("time-title").after(legend());
  byId("first-steps").append(firstSteps(herd.may_act));

  const tables = byId("herd-tables");
  /** @type {import("./types.js").HerdState | null} */
  let latest = null;
  const showTables = () => {
    if (latest && tables.closest("details")?.open) tables.replaceChildren(...herdTables(latest));
  };
  tables.closest("details")?.addEventListener("toggle", showTables);

  floods.watch((flood, hop) => {
    talk.showHop(flood);
    const isVisible = hop.from === null && !floods.flows;
    if (isVisible && flood.latitude !== null && flood.longitude !== null) map.ripple(flood.latitude, flood.longitude);
  });
  map.onchange = () => showClients(map);
  watchTheme(() => map.restyle());
  watchEnlarging();

  openStream({
    herd(state) {
      latest = state;
      graph.show(state);
      floods.showState(state);
      summary.show(state);
      map.clients.showState(state);
      actions?.show(state);
      nodePanel.show(state);
      lessons?.show(state.lesson);
      showTables();
      showClients(map);
    },
    updates(updates) {
      floods.add(updates);
      map.clients.add(updates);
    },
    notice(notice) {
      events.add(notice);
      if (notice.kind === "missed") map.clients.lost();
    },
    missed(missed) {
      events.missed(missed);
      map.clients.lost();
    },
    async alive(alive) {
      summary.alive(alive);
      if (!alive) return;
      map.clients.lost();
      if (await hasChanged(herd)) location.reload();
      const history = await timeLine.load();
      if (history) events.reset(history.notices);
    },
  });
}

/** Says how many clients the map shows, and what to do if there are none. @param {HerdMap} map */
function showClients({ clients, clustered }) {
  const { count: known, expected } = clients;
  const loading = clients.isLoading && expected !== null && known < expected;
  const text = loading ? `loading clients: ${count(known)} of ${count(expected)}`
    : `${count(known)} ${known === 1 ? "client" : "clients"}${clustered ? ", in clusters" : ""}`;
  setText(byId("map-note"), text);
  if (clients.node) byId("map-json").setAttribute("href", nodePath(clients.node, "clients"));
  const isEmpty = known === 0 && expected === 0;
  byId("first-steps").hidden = !isEmpty;
  byId("floods").hidden = isEmpty;
}

/** What to do with an empty herd. @param {boolean} mayAct */
function firstSteps(mayAct) {
  return element("p", {}, element("strong", {}, "No client has reported yet. "),
    mayAct ? "Click the map, then press Report. " : "As soon as one does, you see it here. ",
    "One node hears the report and passes it to its neighbours. They pass it on, until every node knows it. That is a flood.");
}

/** The buttons that give the herd or the map the room of both. */
function watchEnlarging() {
  const buttons = [...document.querySelectorAll("[data-enlarge]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const room = button.getAttribute("data-enlarge") ?? "";
      const isLarge = document.body.dataset.enlarged === room;
      document.body.dataset.enlarged = isLarge ? "" : room;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button && !isLarge));
    });
  }
}

/** Whether another dashboard answers than the one that this page is for. @param {import("./types.js").Herd} herd */
async function hasChanged(herd) {
  try {
    return JSON.stringify(await get("/api/herd")) !== JSON.stringify(herd);
  } catch {
    return false;
  }
}

/** @returns {Promise<import("./types.js").Herd>} */
async function herdOnceItAnswers() {
  for (;;) {
    try {
      return await get("/api/herd");
    } catch {
      byId("banner").hidden = false;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

start(await herdOnceItAnswers());
