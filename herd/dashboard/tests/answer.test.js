import assert from "node:assert/strict";
import { test } from "node:test";

import { atLine, credit, iamat, placesOf } from "../js/answer.js";

test("a report has both signs, and its time to the microsecond", () => {
  assert.equal(iamat("kiwi", 34.06893, -118.445127, 1520023934918.5), "IAMAT kiwi +34.068930-118.445127 1520023934.918500");
  assert.equal(iamat("kiwi", -0.0000001, 0, 1000), "IAMAT kiwi +0.000000+0.000000 1.000000");
});

test("an AT line says where a client is", () => {
  assert.deepEqual(atLine("AT Alford -0.2 <b> -1.5+2 1000\n{}"), { client: "<b>", latitude: -1.5, longitude: 2 });
  assert.equal(atLine("? WHATSAT"), null);
});

test("places are read from the JSON after the AT line, with and without a location", () => {
  const body = { html_attributions: ["By <a href='https://example.com/'>Us</a>", 1], status: "OK",
    results: [{ name: "A", vicinity: "B", geometry: { location: { lat: 1, lng: 2 } } }, {}] };
  const found = placesOf(`AT Alford +0 kiwi +1+1 1\n${JSON.stringify(body, null, 3)}\n`);
  assert.deepEqual(found?.places, [
    { name: "A", vicinity: "B", latitude: 1, longitude: 2 }, { name: "?", vicinity: "", latitude: null, longitude: null },
  ]);
  assert.deepEqual(found?.credits, [{ text: "By Us", link: "https://example.com/" }]);
  for (const answer of ["? x", "AT Alford +0 kiwi +1+1 1", "AT Alford +0 kiwi +1+1 1\n{", "AT Alford +0 kiwi +1+1 1\nnull"]) {
    assert.equal(placesOf(answer), null);
  }
});

test("only links to http and https are links", () => {
  assert.deepEqual(credit("<a href=\"javascript:alert(1)\">x &lt;b&gt; &amp;lt;</a>"), { text: "x <b> &lt;", link: null });
  assert.deepEqual(credit("plain"), { text: "plain", link: null });
});
