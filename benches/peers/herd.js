// The records and answers of a herd node, without I/O. Bytes are Latin-1 strings, which keep them as
// they are. Supports IAMAT, AT and WHATSAT. Places are asked for elsewhere, in places.js.

'use strict';

const { isUtf8 } = require('node:buffer');

const LATEST = 253402300799; // the last second of the year 9999
const AHEAD = 24 * 3600; // how many seconds ahead of the clock a report may be

const SPACE = '[ \\t\\r\\f\\v]';
const ID = '([^\\x00-\\x20\\x7f]{1,255})';
const LATITUDE = '[+-](?:0?[0-8]?\\d(?:\\.\\d{1,32})?|0?90(?:\\.0{1,32})?)';
const LONGITUDE = '[+-](?:(?:0?\\d?\\d|1[0-7]\\d)(?:\\.\\d{1,32})?|180(?:\\.0{1,32})?)';
const TIME = '(\\d{1,12})(?:\\.(\\d{1,9}))?';
const IAMAT = new RegExp(
  `^${SPACE}*IAMAT${SPACE}+${ID}${SPACE}+(${LATITUDE}${LONGITUDE})${SPACE}+(${TIME})${SPACE}*$`);
const WHATSAT = new RegExp(
  `^${SPACE}*WHATSAT${SPACE}+${ID}${SPACE}+(\\d{1,9}(?:\\.\\d{1,32})?)${SPACE}+(\\d{1,9})${SPACE}*$`);
// At most 50, compared digit by digit, because a float has too few digits.
const IN_REACH = /^0*(?:[0-4]?\d(?:\.\d+)?|50(?:\.0+)?)$/;
const AT = new RegExp(`^AT [^ ]+ [+-]\\d+\\.\\d{9} ${ID} ${LATITUDE}${LONGITUDE} ${TIME}$`);

const PLACE = / \+?([^ ]+)([+-][^ ]+) [^ ]+\n$/; // the location in an AT line, without a plus
const MOST_RESULTS = 20;

const NO_PLACES = '{\n   "html_attributions" : [],\n   "results" : [],\n   "status" : "OK"\n}\n\n';

// The nodes of a herd file by name, from its [[node]] tables; each key must have its own line.
function readHerd(toml) {
  const tables = toml.split(/^\[+/m).filter((table) => table.startsWith('node]]'));
  return new Map(tables.map((table) => {
    const value = (key) => JSON.parse(table.match(new RegExp(`^${key} = (.*)$`, 'm'))[1]);
    const address = (key) => {
      const [, host, port] = value(key).match(/^(.*):(\d+)$/);
      return { host, port: Number(port) };
    };
    return [value('name'), { client: address('client'), link: address('link'), neighbours: value('neighbours') }];
  }));
}

// The latest report of each client.
class Node {
  #name;
  #records = new Map(); // for each client, the time of its latest report, and the AT line

  constructor(name) {
    this.#name = name;
  }

  // Returns the answer to a client's line, and whether the line is news for the neighbours. For a
  // question whose answer needs places: null, and the question.
  answer(line) {
    let match;
    if ((match = IAMAT.exec(line))) {
      const [, client, location, stamp, seconds, fraction] = match;
      const time = { seconds: Number(seconds), nanoseconds: nanosecondsOf(fraction) };
      const skew = skewOf(time);
      if (skew !== undefined && isId(client)) {
        const answer = `AT ${this.#name} ${skew} ${client} ${location} ${stamp}\n`;
        return [answer, this.#learn(client, time, answer)];
      }
    } else if ((match = WHATSAT.exec(line))) {
      const [, client, radius, bound] = match;
      const record = this.#records.get(client);
      if (record !== undefined && IN_REACH.test(radius) && bound <= MOST_RESULTS) {
        if (Number(bound) === 0) return [record.line + NO_PLACES, false];
        return [null, question(record.line, radius, Number(bound))];
      }
    }
    return [`? ${line}\n`, false];
  }

  // Applies a neighbour's AT line, and returns whether it was news.
  hear(line) {
    const match = AT.exec(line);
    if (match === null) return false;
    const [, client, seconds, fraction] = match;
    return this.#learn(client, { seconds: Number(seconds), nanoseconds: nanosecondsOf(fraction) }, `${line}\n`);
  }

  // Everything that this node knows, as AT lines.
  known() {
    return [...this.#records.values()].map((record) => record.line).join('');
  }

  // The later report wins; if the times are equal, the smaller skew, then the smaller line.
  #learn(client, { seconds, nanoseconds }, line) {
    const known = this.#records.get(client);
    if (known === undefined) {
      this.#records.set(own(client), { seconds, nanoseconds, line: own(line) });
      return true;
    }
    const later = seconds - known.seconds || nanoseconds - known.nanoseconds;
    if (later < 0 || (later === 0 && !winsTie(line, known.line))) return false;
    Object.assign(known, { seconds, nanoseconds, line: own(line) });
    return true;
  }
}

// Copies the text: a slice would keep the whole buffer that the socket read in memory.
function own(text) {
  return Buffer.from(text, 'latin1').latin1Slice();
}

// What to ask for: where, how far (in metres), and the number of results. `line` begins the answer.
function question(line, radius, bound) {
  const [, latitude, longitude] = line.match(PLACE);
  return { line, location: `${latitude},${longitude.replace('+', '')}`, radius: Math.round(radius * 1e6) / 1e3, bound };
}

function isId(text) {
  return /^[\x00-\x7f]*$/.test(text) || isUtf8(Buffer.from(text, 'latin1'));
}

function nanosecondsOf(fraction) {
  return fraction === undefined ? 0 : Number(fraction.padEnd(9, '0'));
}

// The wall clock in nanoseconds: the monotonic clock plus the difference of the two at the start.
const bootTime = process.hrtime();
const bootDate = Date.now();

// The skew of a report with this time, as an AT line shows it; undefined if the time is out of range.
function skewOf(time) {
  const [seconds, nanoseconds] = process.hrtime(bootTime);
  let whole = Math.floor(bootDate / 1000) + seconds - time.seconds;
  let part = (bootDate % 1000) * 1e6 + nanoseconds - time.nanoseconds;
  whole += Math.floor(part / 1e9);
  part -= Math.floor(part / 1e9) * 1e9;
  if (time.seconds > LATEST || whole < -AHEAD) return undefined;
  if (whole >= 0) return `+${whole}.${String(part).padStart(9, '0')}`;
  // -1 s and 0.4 s make -0.6 s.
  return part === 0 ? `${whole}.000000000` : `-${-whole - 1}.${String(1e9 - part).padStart(9, '0')}`;
}

function winsTie(line, other) {
  const skew = (at) => BigInt(at.split(' ', 3)[2].replace('+', '').replace('.', ''));
  const [mine, others] = [skew(line), skew(other)];
  return mine < others || (mine === others && line < other);
}

module.exports = { Node, readHerd };
