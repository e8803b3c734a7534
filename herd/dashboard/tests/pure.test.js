import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientStore } from "../js/clients-store.js";
import { bytes, duration, noticeText, rate } from "../js/format.js";
import { badness, inRows, place } from "../js/layout.js";
import { flatPolygons, unrolled } from "../js/outline.js";
import { linear, linePath, logarithmic, nearest } from "../js/series.js";

test("numbers and durations are short, and say their unit", () => {
  assert.deepEqual([0.00031, 0.0012, 0.5, 2.4, 0, 7200, null].map(duration), ["310 µs", "1.20 ms", "500 ms", "2.40 s", "0 s", "2 h", "–"]);
  assert.deepEqual([0, 1, 1.25, 12.4, 12345, 1_240_000].map(rate), ["0", "1", "1.3", "12", "12.3K", "1.2M"]);
  assert.deepEqual([512, 2048, null].map(bytes), ["512 B", "2.0 KiB", "–"]);
  assert.equal(noticeText({ node: "Alford", text: "link up" }), "Alford: link up");
  assert.equal(noticeText({ node: "Alford", text: "Alford was killed" }), "Alford was killed");
});

test("a small herd stands so that no links cross", () => {
  // A ring whose nodes are named out of order.
  const edges = /** @type {[number, number][]} */ ([[0, 2], [2, 4], [4, 1], [1, 3], [3, 0]]);
  assert.ok(badness([0, 1, 2, 3, 4], edges) > 1);
  // Two nodes stand in the middle, one above the other.
  assert.deepEqual(place(2, [[0, 1]]).map(({ x }) => x), [0.5, 0.5]);
  const points = place(5, edges);
  const angle = (/** @type {number} */ node) => Math.atan2(points[node].y - 0.5, points[node].x - 0.5);
  const order = [0, 1, 2, 3, 4].sort((a, b) => angle(a) - angle(b));
  assert.ok(badness(order, edges) < 1);
});

test("a large herd stands in rows, each node in its own place", () => {
  const edges = Array.from({ length: 99 }, (_, node) => /** @type {[number, number]} */ ([node, node + 1]));
  const { points, rows } = inRows(place(100, edges), 6);
  assert.equal(rows, 17);
  assert.equal(new Set(points.map(({ x, y }) => `${x} ${y}`)).size, 100);
  assert.ok(points.every(({ x, y }) => x >= 0 && x <= 1 && y >= 0 && y <= 1));
});

test("clients keep their latest report, and go when a load does not have them", () => {
  const store = new ClientStore();
  for (let id = 0; id < 3000; id++) store.set(`c${id}`, 1, 2, 1000);
  store.set("c7", 5, 6, 2000);
  store.set("c7", 9, 9, 1500);
  assert.deepEqual(store.within([5.5, 4.5, 6.5, 5.5], 10).map((slot) => store.at(slot)?.client), ["c7"]);
  store.beginLoad();
  store.set("c7", 5, 6, 2000);
  store.set("new", 0, 0, 1);
  store.endLoad();
  assert.equal(store.count, 2);
  store.remove("new");
  assert.equal(store.count, 1);
  assert.equal([...store.points()].filter(({ geometry }) => geometry).length, 1);
});

test("a coast that crosses the date line is cut there, and one around a pole is closed", () => {
  assert.deepEqual(unrolled([[179, 1], [-179, 2], [179, 3]]), [[179, 1], [181, 2], [179, 3]]);
  /** @param {number[][]} ring */
  const flat = (ring) => flatPolygons(/** @type {any} */ (
    { type: "FeatureCollection", features: [{ geometry: { type: "Polygon", coordinates: [ring] } }] })).coordinates;
  assert.deepEqual(flat([[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]), [
    [[[-180, 0], [-170, 0], [-170, 10], [-180, 10]]],
    [[[170, 0], [180, 0], [180, 10], [170, 10], [170, 0]]],
  ]);
  const around = flat([[-120, -70], [0, -70], [120, -70], [-120, -70]]).flat(2);
  assert.ok(around.every(([longitude]) => Math.abs(longitude) <= 180));
  assert.equal(Math.min(...around.map(([, latitude]) => latitude)), -89.9);
});

test("lines have gaps where there is no value", () => {
  const samples = [1, null, 3, 4].map((value, at) => ({ at_ms: at * 1000, value }));
  assert.equal(linePath(samples, (ms) => ms / 1000, (value) => value), "M0.0 1.0m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0M2.0 3.0L3.0 4.0");
  assert.equal(linear([1, 730, null]).top, 1000);
  const { bottom, top, scale } = logarithmic([0.002, 0.03, null]);
  assert.deepEqual([bottom, top], [0.001, 0.1]);
  assert.ok(Math.abs(scale(0.01) - 0.5) < 1e-9);
  assert.equal(nearest(samples, 2400), 2);
});
