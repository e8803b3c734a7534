// A herd node on Node.js, with a write for each line. With --batched, all answers to a read are one
// write, and the news in it is one write to each neighbour.
//
// Usage: node node_herd.js [--batched] NAME HERD_FILE
// Supports IAMAT, AT and `WHATSAT id radius 0`.

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { Node, readHerd } = require('./herd.js');

const LONGEST_LINE = 4096;
const REDIAL_MILLISECONDS = 100;
const BACKLOG = 1024; // connections that may wait to be accepted: a load opens many at once

const batched = process.argv[2] === '--batched';
const [name, file] = process.argv.slice(-2);
const members = readHerd(fs.readFileSync(file, 'utf8'));
const me = members.get(name);
const node = new Node(name);
const links = new Map(); // the sockets to neighbours that can be reached

// Writes the texts; returns false if the caller should wait until the socket drains.
function write(socket, texts) {
  if (batched) return socket.write(texts.join(''), 'latin1');
  return texts.map((text) => socket.write(text, 'latin1')).every(Boolean);
}

function flood(news, origin) {
  if (news.length === 0) return;
  // Nothing waits for a slow neighbour: its lines queue in its socket's buffer.
  for (const [neighbour, socket] of links) {
    if (neighbour !== origin) write(socket, news);
  }
}

// Passes all whole lines of a read to `take`, and at the end the rest, which is a line too.
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
  socket.on('error', () => socket.destroy()); // the client is gone
}

function serveClient(socket) {
  onLines(socket, (lines) => {
    const end = lines.findIndex((line) => line.length > LONGEST_LINE);
    const answered = (end < 0 ? lines : lines.slice(0, end)).map((line) => node.answer(line));
    const answers = answered.map(([answer]) => answer);
    if (end >= 0) answers.push(`? ${lines[end].slice(0, 128)}\n`);
    // Stop reading from a client that does not read its answers.
    if (!write(socket, answers)) socket.pause();
    if (end >= 0) socket.end().removeAllListeners('data');
    flood(answered.filter(([, isNews]) => isNews).map(([answer]) => answer));
  });
  socket.on('drain', () => socket.resume());
}

// A neighbour: its first line is its name, and the others are AT lines.
function serveNeighbour(socket) {
  let neighbour;
  onLines(socket, (lines) => {
    neighbour ??= lines.shift();
    flood(lines.filter((line) => node.hear(line)).map((line) => `${line}\n`), neighbour);
  });
}

// Dials a neighbour until this node stops. Sends this node's name, everything it knows, and then
// news. The neighbour sends nothing.
function keepLink(neighbour) {
  const socket = net.connect({ ...members.get(neighbour).link, noDelay: true });
  socket.on('connect', () => {
    socket.write(`${name}\n${node.known()}`, 'latin1');
    links.set(neighbour, socket);
  });
  socket.on('error', () => {}); // the neighbour is down; `close` follows
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
