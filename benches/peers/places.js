// The Places service, as the Node guest asks it: the legacy Nearby Search.

'use strict';

const SEARCH = 'https://maps.googleapis.com/maps/api/place/nearbysearch/json';
const MILLISECONDS = 5000; // how long the service may take

// Returns the answer to a question: the AT line, the service's JSON, and two newlines.
async function answerTo(question) {
  const places = await search(question).catch((error) => ({
    error_message: `the Places service failed: ${error.name}`,
    html_attributions: [],
    results: [],
    status: 'UNKNOWN_ERROR',
  }));
  const json = JSON.stringify({ ...places, results: places.results?.slice(0, question.bound) }, null, 3);
  return `${question.line}${Buffer.from(json).latin1Slice()}\n\n`;
}

async function search({ location, radius }) {
  const query = new URLSearchParams({ location, radius, key: process.env.GOOGLE_API_KEY ?? '' });
  const answer = await fetch(`${SEARCH}?${query}`, { signal: AbortSignal.timeout(MILLISECONDS), redirect: 'error' });
  if (answer.status !== 200) throw new Error();
  const places = await answer.json();
  if (!Array.isArray(places.results ?? [])) throw new Error();
  return places;
}

module.exports = { answerTo };
