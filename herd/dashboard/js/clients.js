/**
 * The clients of the herd, as the page sees them: a worker knows them all, and this asks it.
 *
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").Updates} Updates
 * @typedef {import("./clients-worker.js").Question} Question
 * @typedef {import("./clients-worker.js").Answer} Answer
 * @typedef {import("./clients-worker.js").Box} Box
 * @typedef {{ client: string, latitude: number, longitude: number }} KnownClient
 */

/**
 * The least time between two loads, and how many times as long as the last load it is at least: if the
 * counts differ, and if only updates were left out.
 */
const LOAD_REST_MS = 2000;
const DIFFERENT_REST = 2;
const LEFT_OUT_REST = 10;
/** How long to wait after a load that failed. */
const FAILURE_REST_MS = 8000;

export class Clients {
  #worker = new Worker(new URL("./clients-worker.js", import.meta.url), { type: "module" });
  /** @type {Map<number, (client: KnownClient | null) => void>} */
  #questions = new Map();
  #asked = 0;
  #loading = false;
  #loadedOnce = false;
  /** When the last load ended, and how long it took. */
  #ended = -Infinity;
  #took = 0;
  /** Updates that the stream left out since the last load began, and times that it lost some. */
  #leftOut = 0;
  /** How many more clients the node knew than the worker, a second ago. */
  #difference = 0;
  #node = "";
  /** Whether the last load from the node failed. */
  #hasFailed = false;
  #expected = /** @type {number | null} */ (null);
  /** The number of clients that the worker knows. */
  count = 0;

  /**
   * @param {{ changed(): void, view(marks: Float64Array, clustered: boolean): void }} reader
   */
  constructor(reader) {
    this.reader = reader;
    this.#worker.addEventListener("message", ({ data }) => this.#take(data));
  }

  /** Whether the first load is still under way. */
  get isLoading() {
    return !this.#loadedOnce;
  }

  /** The node that the clients are loaded from. */
  get node() {
    return this.#node;
  }

  /** How many clients the herd knows; null if no node says. */
  get expected() {
    return this.#expected;
  }

  /** Loads clients if what is known here and in the herd differs. @param {HerdState} state */
  showState(state) {
    const nodes = state.nodes.filter((node) => node.clients !== null);
    const source = this.#source(state.nodes);
    this.#expected = source ? Math.max(...nodes.map((node) => node.clients ?? 0)) : null;
    if (!source) return;
    this.#node = source.name;
    this.#hasFailed = false;
    // Updates come before the count of the next second, so only a difference that stays counts.
    const difference = (source.clients ?? 0) - this.count;
    const stays = difference !== 0 && difference === this.#difference;
    this.#difference = difference;
    if (stays && this.#expected === 0) this.clear();
    else if (!this.#loading && (stays || this.#leftOut > 0 || !this.#loadedOnce) && this.#hasRested(stays)) {
      this.#load(source.name);
    }
  }

  /** The node to load from: the same as before, or the next one if it failed. @param {HerdState["nodes"]} nodes */
  #source(nodes) {
    const before = nodes.findIndex((node) => node.name === this.#node);
    const first = this.#hasFailed ? before + 1 : Math.max(before, 0);
    return [...nodes.slice(first), ...nodes.slice(0, first)].find((node) => node.clients !== null);
  }

  /** Whether the last load is long enough ago. @param {boolean} isDifferent */
  #hasRested(isDifferent) {
    const rest = Math.max(LOAD_REST_MS, this.#took * (isDifferent ? DIFFERENT_REST : LEFT_OUT_REST));
    return performance.now() - this.#ended >= rest;
  }

  /** @param {Updates} updates */
  add({ left_out, updates }) {
    this.#leftOut += left_out;
    this.#send({ type: "updates", updates });
  }

  /** Loads the clients again soon, since updates may have been lost. */
  lost() {
    this.#leftOut++;
  }

  /** Forgets all clients, since the herd was emptied. */
  clear() {
    this.#send({ type: "clear" });
    this.#loading = false;
  }

  /** Asks what to draw; the reader's `view` has the answer. @param {Box} box @param {number} zoom */
  look(box, zoom) {
    this.#send({ type: "view", box, zoom });
  }

  /** @param {number} slot @returns {Promise<KnownClient | null>} */
  client(slot) {
    const question = this.#asked++;
    this.#send({ type: "client", slot, question });
    return new Promise((resolve) => this.#questions.set(question, resolve));
  }

  /** @param {string} node */
  #load(node) {
    this.#loading = true;
    this.#leftOut = 0;
    this.#send({ type: "load", node });
  }

  /** @param {Question} question */
  #send(question) {
    this.#worker.postMessage(question);
  }

  /** @param {Answer} answer */
  #take(answer) {
    switch (answer.type) {
      case "changed":
        this.count = answer.count;
        return this.reader.changed();
      case "view":
        return this.reader.view(answer.marks, answer.clustered);
      case "loaded":
        this.#loading = false;
        this.#loadedOnce ||= answer.complete;
        this.#ended = performance.now() + (answer.complete ? 0 : FAILURE_REST_MS);
        this.#took = answer.milliseconds;
        this.count = answer.count;
        if (!answer.complete) {
          this.#hasFailed = true;
          this.lost();
        }
        return this.reader.changed();
      case "client":
        this.#questions.get(answer.question)?.(answer.client);
        this.#questions.delete(answer.question);
    }
  }
}
