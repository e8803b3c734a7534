// A herd node on Node.js: a write a line, or with --batched one for all answers to a read and one a neighbour for what
// was news in it.
//
// Usage: node node_herd.js [--batched] NAME HERD_FILE
// Claims IAMAT, AT and `WHATSAT id radius 0`.

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { Node, readHerd } = require('./herd.js');

const LONGEST_LINE = 4096;
const REDIAL_MILLISECONDS = 100;
const BACKLOG = 1024; // connections that wait to be accepted: a load opens many at once

const batched = process.argv[2] === '--batched';
const [name, file] = process.argv.slice(-2);
const members = readHerd(fs.readFileSync(file, 'utf8'));
const me = members.get(name);
const node = new Node(name);
const links = new Map(); // the sockets to neighbours that can be reached

// Writes texts; whether the socket takes more, or should be waited for.
function write(socket, texts) {
  if (batched) return socket.write(texts.join(''), 'latin1');
  return texts.map((text) => socket.write(text, 'latin1')).every(Boolean);
}

function flood(news, origin) {
  if (news.length === 0) return;
  // Nobody waits for a slow neighbour: its lines stand in its socket's buffer.
  for (const [neighbour, socket] of links) {
    if (neighbour !== origin) write(socket, news);
  }
}

// Gives all whole lines of a read to `take`, and at the end what is left, which is a line too.
function onLines(socket, take) {
  let begun = '';
  socket.setEncoding('latin1');
  socket.on('data', (data) => {
    const lines = (begun + data).split('\n');
    begun = lines.pop();
    const whole = lines.map((line) => line.endsWith('\r') ? line.slice(0, -1) : line);
    if (begun.length > LONGEST_LINE + 1) { // one more for a CR
      whole.push(begun);
      begun = '';
    }
    if (whole.length > 0) take(whole);
  });
  socket.on('end', () => {
    if (begun !== '') take([begun]);
    socket.end();
  });
  socket.on('error', () => socket.destroy()); // It has gone.
}

function serveClient(socket) {
  onLines(socket, (lines) => {
    const end = lines.findIndex((line) => line.length > LONGEST_LINE);
    const answered = (end < 0 ? lines : lines.slice(0, end)).map((line) => node.answer(line));
    const answers = answered.map(([answer]) => answer);
    if (end >= 0) answers.push(`? ${lines[end].slice(0, 128)}\n`);
    // A client that does not read its answers is not read from.
    if (!write(socket, answers)) socket.pause();
    if (end >= 0) socket.end().removeAllListeners('data');
    flood(answered.filter(([, isNews]) => isNews).map(([answer]) => answer));
  });
  socket.on('drain', () => socket.resume());
}

// A neighbour's first line is its name, the others are AT lines.
function serveNeighbour(socket) {
  let neighbour;
  onLines(socket, (lines) => {
    neighbour ??= lines.shift();
    flood(lines.filter((line) => node.hear(line)).map((line) => `${line}\n`), neighbour);
  });
}

// Dials a neighbour for as long as this node runs; says its name, all it knows, and then what is news. Nothing is ever
// said back.
function keepLink(neighbour) {
  const socket = net.connect({ ...members.get(neighbour).link, noDelay: true });
  socket.on('connect', () => {
    socket.write(`${name}\n${node.known()}`, 'latin1');
    links.set(neighbour, socket);
  });
  socket.on('error', () => {}); // It is not up; `close` follows.
  socket.on('close', () => {
    links.delete(neighbour);
    setTimeout(keepLink, REDIAL_MILLISECONDS, neighbour);
  });
  socket.resume();
}

const options = { noDelay: true, allowHalfOpen: true };
net.createServer(options, serveNeighbour).listen({ ...me.link, backlog: BACKLOG });
net.createServer(options, serveClient).listen({ ...me.client, backlog: BACKLOG });
me.neighbours.forEach(keepLink);
