/**
 * The worker that knows the clients: it loads them from a node page by page, takes updates, and makes
 * clusters. The page never holds more than what it draws.
 *
 * @typedef {import("./types.js").Update} Update
 * @typedef {[number, number, number, number]} Box west, south, east, north
 * @typedef {{ type: "load", node: string } | { type: "updates", updates: Update[] } | { type: "clear" }
 *   | { type: "view", box: Box, zoom: number } | { type: "client", slot: number, question: number }} Question
 * @typedef {{ type: "changed", count: number }
 *   | { type: "loaded", complete: boolean, count: number, milliseconds: number }
 *   | { type: "view", marks: Float64Array, clustered: boolean }
 *   | { type: "client", question: number, client: { client: string, latitude: number, longitude: number } | null }} Answer
 */

import "../vendor/supercluster.min.js";
import { get, nodePath } from "./api.js";
import { ClientStore } from "./clients-store.js";

/** The most clients that are shown one by one. */
const SINGLE = 10000;
/** The most clients of a page, and the most marks of a view. */
const PAGE = 10000;
const MOST_MARKS = 20000;
/** The radius of a cluster, of the 512 parts of a tile: so that two of them do not touch. */
const CLUSTER = 150;
/** The least time between two changes of what is shown. */
const REST_MS = 200;
/** A new index waits this many times as long as the last one took to make. */
const INDEX_REST = 4;

const store = new ClientStore();
/** @type {Supercluster | null} */
let index = null;
let indexTook = 0;
let loads = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {Answer} answer @param {Transferable[]} [transfer] */
const send = (answer, transfer = []) => self.postMessage(answer, { transfer });

self.addEventListener("message", ({ data }) => take(/** @type {Question} */ (data)));

/** @param {Question} question */
function take(question) {
  switch (question.type) {
    case "load": return void load(question.node);
    case "updates": return apply(question.updates);
    case "clear": return clear();
    case "view": return view(question.box, question.zoom);
    case "client":
      return send({ type: "client", question: question.question, client: store.at(question.slot) });
  }
}

/**
 * Loads every client that a node knows. A newer load ends an older one.
 *
 * @param {string} node
 */
async function load(node) {
  const own = ++loads;
  const began = performance.now();
  store.beginLoad();
  /** @param {boolean} complete */
  const done = (complete) => {
    send({ type: "loaded", complete, count: store.count, milliseconds: performance.now() - began });
  };
  try {
    /** @type {string | null} */
    let next = null;
    do {
      /** @type {import("./types.js").ClientPage} */
      const page = await get(nodePath(node, "clients", { limit: PAGE, ...(next !== null && { after: next }) }));
      if (own !== loads) return;
      for (const { client, latitude, longitude, time } of page.clients) {
        store.set(client, latitude, longitude, Number(time) * 1000);
      }
      next = page.next;
      changed();
    } while (next !== null);
    store.endLoad();
    changed();
    done(true);
  } catch {
    // The page loads again, from the next node if there is one.
    if (own === loads) done(false);
  }
}

/** @param {Update[]} updates */
function apply(updates) {
  for (const { client, latitude, longitude, removed, age_seconds, at_ms } of updates) {
    if (removed) store.remove(client);
    else if (latitude !== null && longitude !== null) {
      store.set(client, latitude, longitude, at_ms - (age_seconds ?? 0) * 1000);
    }
  }
  changed();
}

function clear() {
  loads++;
  store.clear();
  changed();
}

/** Shows what changed soon, but not each change. */
function changed() {
  timer ??= setTimeout(() => {
    timer = undefined;
    reindex();
    send({ type: "changed", count: store.count });
  }, Math.max(REST_MS, indexTook * INDEX_REST));
}

function reindex() {
  if (store.count < SINGLE) {
    index = null;
    indexTook = 0;
    return;
  }
  const began = performance.now();
  index = new Supercluster({ radius: CLUSTER, maxZoom: 14 }).load(store.points());
  indexTook = performance.now() - began;
}

/**
 * Sends what to draw in a box, as four numbers each: longitude, latitude, count, and slot (-1 for a
 * cluster).
 *
 * @param {Box} box
 * @param {number} zoom
 */
function view(box, zoom) {
  /** @type {number[]} */
  const marks = [];
  if (index) {
    const found = index.getClusters(box, Math.round(zoom)).slice(0, MOST_MARKS);
    // The largest come last, and are drawn on top.
    found.sort((a, b) => (a.properties.point_count ?? 1) - (b.properties.point_count ?? 1));
    for (const { geometry, properties } of found) {
      const [longitude, latitude] = geometry.coordinates;
      marks.push(longitude, latitude, properties.point_count ?? 1, properties.slot ?? -1);
    }
  } else {
    for (const slot of store.within(box, SINGLE)) {
      const found = store.at(slot);
      if (found) marks.push(found.longitude, found.latitude, 1, slot);
    }
  }
  const sent = Float64Array.from(marks);
  send({ type: "view", marks: sent, clustered: index !== null }, [sent.buffer]);
}

