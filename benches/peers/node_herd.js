// A herd node on Node.js, with a write for each line. With --batched, all answers to a read are one
// write, and the news in it is one write to each neighbour.
//
// Usage: node node_herd.js [--batched] NAME HERD_FILE
// Places need GOOGLE_API_KEY in the environment.

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { Node, readHerd } = require('./herd.js');
const { answerTo } = require('./places.js');

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
function onLines(socket, take, finish = () => socket.end()) {
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
    finish();
  });
  socket.on('error', () => socket.destroy()); // the client is gone
}

function serveClient(socket) {
  let isAsking = false; // a question waits for places, and the lines behind it wait for the question
  let isOver = false; // the client has closed its sending side

  function take(lines) {
    const answers = [];
    const news = [];
    let end = false;
    for (let i = 0; i < lines.length && !end && !isAsking; i++) {
      end = lines[i].length > LONGEST_LINE;
      const [answer, more] = end ? [`? ${lines[i].slice(0, 128)}\n`, false] : node.answer(lines[i]);
      if (answer === null) ask(more, lines.slice(i + 1));
      else answers.push(answer);
      if (more === true) news.push(answer);
    }
    // Stop reading from a client that does not read its answers.
    if (!write(socket, answers)) socket.pause();
    if (end) socket.end().removeAllListeners('data');
    flood(news);
  }

  // Answers a question, and then the lines behind it.
  async function ask(question, later) {
    isAsking = true;
    socket.pause();
    const answer = await answerTo(question);
    isAsking = false;
    if (write(socket, [answer])) socket.resume();
    take(later);
    finish();
  }

  function finish() {
    if (isOver && !isAsking) socket.end();
  }

  onLines(socket, take, () => {
    isOver = true;
    finish();
  });
  socket.on('drain', () => {
    if (!isAsking) socket.resume();
  });
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
