/**
 * The latest place of every client, in typed arrays: a million of them fit, and nothing is made anew
 * for each. A client has a slot, which is used again after it is removed.
 */

/** Times of one report differ by this much between nodes, since they are rounded. */
const SAME_TIME_MS = 2;

export class ClientStore {
  /** @type {Map<string, number>} */
  #slots = new Map();
  /** @type {string[]} */
  #ids = [];
  /** @type {number[]} */
  #free = [];
  #latitudes = new Float64Array(1024);
  #longitudes = new Float64Array(1024);
  /** When the client reported, by its own clock. */
  #times = new Float64Array(1024);
  /** The load in which the client was seen last. */
  #seen = new Uint32Array(1024);
  #load = 0;

  /** The number of clients. */
  get count() {
    return this.#slots.size;
  }

  /** The number of slots; some may be empty. */
  get slots() {
    return this.#ids.length;
  }

  /**
   * Moves a client, unless a later report is known.
   *
   * @param {string} id
   * @param {number} latitude
   * @param {number} longitude
   * @param {number} time of the report, in milliseconds
   */
  set(id, latitude, longitude, time) {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#ids.length;
      if (slot === this.#latitudes.length) this.#grow();
      this.#ids[slot] = id;
      this.#slots.set(id, slot);
    } else if (time < this.#times[slot] - SAME_TIME_MS) {
      this.#seen[slot] = this.#load;
      return;
    }
    this.#latitudes[slot] = latitude;
    this.#longitudes[slot] = longitude;
    this.#times[slot] = time;
    this.#seen[slot] = this.#load;
  }

  /** @param {string} id */
  remove(id) {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#ids[slot] = "";
    this.#latitudes[slot] = NaN;
    this.#free.push(slot);
  }

  clear() {
    this.#slots.clear();
    this.#ids.length = 0;
    this.#free.length = 0;
  }

  /** Begins to load every client from a node. */
  beginLoad() {
    this.#load++;
  }

  /** Ends a load: clients that were not seen in it are gone. */
  endLoad() {
    for (const [id, slot] of this.#slots) if (this.#seen[slot] !== this.#load) this.remove(id);
  }

  /** The client in a slot; null if it is empty. @param {number} slot */
  at(slot) {
    if (!this.#ids[slot]) return null;
    return { client: this.#ids[slot], latitude: this.#latitudes[slot], longitude: this.#longitudes[slot] };
  }

  /**
   * The slots of the clients in a box, at most `most`.
   *
   * @param {[number, number, number, number]} box west, south, east, north
   * @param {number} most
   */
  within([west, south, east, north], most) {
    const found = [];
    for (let slot = 0; slot < this.#ids.length && found.length < most; slot++) {
      const [latitude, longitude] = [this.#latitudes[slot], this.#longitudes[slot]];
      if (latitude >= south && latitude <= north && longitude >= west && longitude <= east) found.push(slot);
    }
    return found;
  }

  /** The clients as points for supercluster, made one by one while it reads them. */
  points() {
    const [latitudes, longitudes, length] = [this.#latitudes, this.#longitudes, this.#ids.length];
    return {
      length,
      *[Symbol.iterator]() {
        for (let slot = 0; slot < length; slot++) {
          const geometry = Number.isNaN(latitudes[slot]) ? null
            : { type: "Point", coordinates: [longitudes[slot], latitudes[slot]] };
          yield { type: "Feature", geometry, properties: { slot } };
        }
      },
    };
  }

  #grow() {
    const length = this.#latitudes.length * 2;
    /** @template {Float64Array | Uint32Array} T @param {T} from @param {T} to @returns {T} */
    const copied = (from, to) => {
      to.set(from);
      return to;
    };
    this.#latitudes = copied(this.#latitudes, new Float64Array(length));
    this.#longitudes = copied(this.#longitudes, new Float64Array(length));
    this.#times = copied(this.#times, new Float64Array(length));
    this.#seen = copied(this.#seen, new Uint32Array(length));
  }
}
