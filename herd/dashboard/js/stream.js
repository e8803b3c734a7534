/**
 * The stream of the dashboard's server: it is opened again whenever it breaks, and its readers learn
 * when it does.
 *
 * @typedef {import("./types.js").HerdState} HerdState
 * @typedef {import("./types.js").Updates} Updates
 * @typedef {import("./types.js").Notice} Notice
 * @typedef {{
 *   herd(state: HerdState): void,
 *   updates(updates: Updates): void,
 *   notice(notice: Notice): void,
 *   missed(events: number): void,
 *   alive(alive: boolean): void,
 * }} Readers
 */

/** The state of the herd comes each second; after this long without it, the stream counts as broken. */
const PATIENCE_MS = 6000;
/** How long to wait before the stream is opened again. */
const PAUSE_MS = 1000;

/** @param {Readers} readers */
export function openStream(readers) {
  let heard = performance.now();
  let alive = false;
  /** @type {EventSource} */
  let source;

  /** @param {boolean} now */
  const setAlive = (now) => {
    if (alive !== now) readers.alive((alive = now));
  };

  const open = () => {
    heard = performance.now();
    source = new EventSource("/api/stream");
    /** @param {string} name @param {(data: any) => void} read */
    const on = (name, read) => source.addEventListener(name, (event) => read(JSON.parse(event.data)));
    on("herd", (state) => {
      heard = performance.now();
      setAlive(true);
      readers.herd(state);
    });
    on("updates", readers.updates);
    on("notice", readers.notice);
    on("missed", ({ events }) => readers.missed(events));
    source.addEventListener("error", openAgain);
  };
  const openAgain = () => {
    source.close();
    setAlive(false);
    setTimeout(open, PAUSE_MS);
  };

  open();
  setInterval(() => {
    if (source.readyState !== EventSource.CLOSED && performance.now() - heard > PATIENCE_MS) openAgain();
  }, 1000);
}
