import assert from "node:assert/strict";
import { test } from "node:test";

import { Floods } from "../js/flood.js";

/** @param {string | null} from @param {object} [more] */
const update = (from, more = {}) => ({
  client: "kiwi", latitude: 34, longitude: -118, removed: false, origin: "Alford", from, age_seconds: 0.001, at_ms: 0, ...more,
});

/** Adds updates as [node, from], and returns the last flood and all hops, in the order in which they come out. */
function played(floods, arrivals, now = 0) {
  const hops = [];
  let flood;
  for (const [node, from] of arrivals) {
    const added = floods.add(node, update(from), now);
    flood = added.flood;
    hops.push(...added.hops);
  }
  return { flood, hops: hops.map(({ from, to, depth }) => `${from ?? "client"}>${to} ${depth}`) };
}

test("hops come out in causal order, however they come in", () => {
  const { flood, hops } = played(new Floods(), [
    ["Hamilton", "Parker"], ["Parker", "Alford"], ["Alford", null], ["Powell", "Alford"], ["Bolden", "Powell"],
  ]);
  assert.deepEqual(hops, ["client>Alford 0", "Alford>Parker 1", "Parker>Hamilton 2", "Alford>Powell 1", "Powell>Bolden 2"]);
  assert.deepEqual(flood.levels(), [["Alford"], ["Parker", "Powell"], ["Bolden", "Hamilton"]]);
});

test("a hop whose sender was never seen comes out when waiting is given up", () => {
  const { flood, hops } = played(new Floods(), [["Hamilton", "Parker"], ["Bolden", "Hamilton"]]);
  assert.deepEqual(hops, []);
  assert.deepEqual(flood.giveUpWaiting(() => []).map(({ to }) => to), ["Hamilton", "Bolden"]);
  assert.deepEqual(flood.levels(), [["Parker"], ["Hamilton"], ["Bolden"]]);
});

test("a sender that was not seen learned the update from its only neighbour that knew it", () => {
  const { flood } = played(new Floods(), [["Hamilton", null], ["Alford", "Parker"], ["Powell", "Alford"]]);
  flood.giveUpWaiting((node) => (node === "Parker" ? ["Alford", "Bolden", "Hamilton"] : []));
  assert.deepEqual(flood.levels(), [["Hamilton"], ["Parker"], ["Alford"], ["Powell"]]);
});

test("the same report again, another place, and a late one are other floods", () => {
  const floods = new Floods();
  const first = floods.add("Alford", update(null), 0);
  assert.equal(floods.add("Parker", update("Alford"), 100).flood, first.flood);
  const again = floods.add("Alford", update(null), 200);
  assert.ok(again.isNew);
  assert.ok(floods.add("Alford", update(null, { latitude: 35 }), 300).isNew);
  assert.ok(floods.add("Powell", update(null), 10_000).isNew);
});

test("a node that was down catches up in the same flood", () => {
  const floods = new Floods();
  const { flood } = floods.add("Alford", update(null), 0);
  const late = floods.add("Parker", update("Alford"), 60_000);
  assert.equal(late.flood, flood);
  assert.deepEqual(late.hops, [{ from: "Alford", to: "Parker", depth: 1 }]);
});

test("the seconds of a flood are those between its first and last node", () => {
  const floods = new Floods();
  floods.add("Alford", update(null, { age_seconds: 0.25 }), 0);
  const { flood } = floods.add("Parker", update("Alford", { age_seconds: 0.5 }), 0);
  assert.equal(flood.seconds(), 0.25);
  const removal = floods.add("Alford", update(null, { removed: true, latitude: null, longitude: null, age_seconds: null }), 0);
  assert.equal(removal.flood.seconds(), null);
});
