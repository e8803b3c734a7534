/**
 * Puts the updates that nodes received together into floods, hop by hop.
 *
 * @typedef {import("./types.js").Update} Update
 * @typedef {{ from: string | null, to: string, depth: number }} Hop `from` is null where the report was made
 */

/**
 * How long after its last hop a report that looks the same is the same. A node that learns it from a
 * neighbour may do so at any time: a node that was down catches up later.
 */
const JOIN_MS = 3000;
/** How many floods are kept. */
const KEPT = 200;

/** One update on its way through the herd. */
export class Flood {
  /** @param {Update} update @param {number} now */
  constructor(update, now) {
    this.client = update.client;
    this.removed = update.removed;
    this.latitude = update.latitude;
    this.longitude = update.longitude;
    this.started = now;
    this.lastHop = now;
    /** @type {Map<string, number>} how many hops from the first node */
    this.depths = new Map();
    /** @type {Hop[]} in causal order */
    this.hops = [];
    /** @type {{ node: string, from: string }[]} hops whose sender has not been seen yet */
    this.waiting = [];
    this.youngest = Infinity;
    this.oldest = -Infinity;
  }

  /**
   * Adds that a node learned the update, and returns the hops that are known to be next now.
   *
   * @param {string} node
   * @param {Update} update
   * @param {number} now
   * @returns {Hop[]}
   */
  add(node, update, now) {
    this.lastHop = now;
    if (update.age_seconds != null) {
      this.youngest = Math.min(this.youngest, update.age_seconds);
      this.oldest = Math.max(this.oldest, update.age_seconds);
    }
    const before = this.hops.length;
    if (update.from === null) this.#arrive(node, null, 0);
    else this.waiting.push({ node, from: update.from });
    this.#release();
    return this.hops.slice(before);
  }

  /**
   * Adds the hops whose senders were never seen, as those of a node that has just started, and returns
   * them. If only one neighbour of a sender knew the update, it was the one that passed it on.
   *
   * @param {(node: string) => string[]} neighboursOf
   */
  giveUpWaiting(neighboursOf) {
    const before = this.hops.length;
    while (this.waiting.length > 0) {
      const { from } = this.waiting[0];
      const [source, other] = neighboursOf(from).filter((node) => this.depths.has(node));
      if (source !== undefined && other === undefined) this.#arrive(from, source, (this.depths.get(source) ?? 0) + 1);
      else this.depths.set(from, 0);
      this.#release();
    }
    return this.hops.slice(before);
  }

  /** @param {string} node */
  knows(node) {
    return this.depths.has(node) || this.waiting.some((hop) => hop.node === node);
  }

  /** The nodes by their distance from the first: [["Alford"], ["Parker", "Powell"], ["Bolden"]]. */
  levels() {
    /** @type {string[][]} */
    const levels = [];
    for (const [node, depth] of this.depths) (levels[depth] ??= []).push(node);
    return levels.map((level) => level.sort());
  }

  /** The seconds from the first node to the last; null if the clocks do not say. */
  seconds() {
    return this.oldest >= this.youngest ? this.oldest - this.youngest : null;
  }

  #release() {
    for (let released = true; released;) {
      released = false;
      for (const hop of this.waiting) {
        const depth = this.depths.get(hop.from);
        if (depth === undefined) continue;
        this.waiting.splice(this.waiting.indexOf(hop), 1);
        this.#arrive(hop.node, hop.from, depth + 1);
        released = true;
        break;
      }
    }
  }

  /** @param {string} node @param {string | null} from @param {number} depth */
  #arrive(node, from, depth) {
    if (this.depths.has(node)) return;
    this.depths.set(node, depth);
    this.hops.push({ from, to: node, depth });
  }
}

/** The floods of the last seconds. */
export class Floods {
  #floods = /** @type {Map<string, Flood>} */ (new Map());

  /**
   * Adds an update to the flood that it belongs to, or begins one.
   *
   * @param {string} node
   * @param {Update} update
   * @param {number} now in milliseconds
   * @returns {{ flood: Flood, isNew: boolean, hops: Hop[] }}
   */
  add(node, update, now) {
    const key = `${update.client} ${update.removed} ${update.latitude} ${update.longitude}`;
    const known = this.#floods.get(key);
    const isSame = known && (update.from !== null || now - known.lastHop < JOIN_MS);
    const joins = isSame && !known.knows(node);
    const flood = joins ? known : new Flood(update, now);
    if (!joins) {
      this.#floods.delete(key);
      this.#floods.set(key, flood);
      const [oldest] = this.#floods.keys();
      if (this.#floods.size > KEPT) this.#floods.delete(oldest);
    }
    return { flood, isNew: !joins, hops: flood.add(node, update, now) };
  }
}
