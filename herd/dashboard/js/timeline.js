/**
 * The time line of the last ten minutes, with the values of the moment under the pointer.
 *
 * @typedef {import("./types.js").History} History
 * @typedef {import("./types.js").Second} Second
 * @typedef {import("./types.js").Notice} Notice
 */

import { get } from "./api.js";
import { byId, drawing, element, setText, table } from "./dom.js";
import { clock, duration, rate, reports } from "./format.js";
import { areaPath, linear, linePath, logarithmic, nearest } from "./series.js";

const SPAN_MS = 600_000;
const REFRESH_MS = 2000;
/** The heights of the parts of the picture, and the room for labels at its left. */
const [RATES, FLOODS, MARKS, GAP, LEFT] = [52, 46, 14, 8, 54];
const HEIGHT = RATES + FLOODS + MARKS + 2 * GAP + 16;
/** Notices at most this far from a moment belong to it. */
const NEAR_MS = 1500;
/** The rows of the table: one for each half minute. */
const ROW_MS = 30_000;

export class TimeLine {
  /** @type {History} */
  #history = { seconds: [], notices: [] };
  /** The time that the reader points at; null for the latest. @type {number | null} */
  #at = null;
  #svg = drawing("svg", { "aria-hidden": "true", height: HEIGHT });
  #cursor = drawing("line", { class: "cursor", y1: 0, y2: HEIGHT - 14 });

  /** @param {(latest: Second | undefined) => void} latest called with the newest second */
  constructor(latest) {
    this.latest = latest;
    this.chart = byId("chart");
    this.moment = byId("moment");
    this.chart.append(this.#svg);
    this.chart.addEventListener("pointermove", (event) => this.#point(event.clientX));
    this.chart.addEventListener("pointerleave", () => this.#moveTo(null));
    this.chart.addEventListener("blur", () => this.#moveTo(null));
    this.chart.addEventListener("keydown", (event) => this.#key(event));
    byId("time-table").closest("details")?.addEventListener("toggle", () => this.#showTable());
    new ResizeObserver(() => this.#draw()).observe(this.chart);
    setInterval(() => document.hidden || this.load(), REFRESH_MS);
  }

  /** Loads the history, and returns it; null if the dashboard does not answer. @returns {Promise<History | null>} */
  async load() {
    try {
      this.#history = await get("/api/history");
    } catch {
      return null;
    }
    this.#draw();
    this.#showTable();
    this.latest(this.#history.seconds.at(-1));
    return this.#history;
  }

  get #end() {
    return this.#history.seconds.at(-1)?.at_ms ?? Date.now();
  }

  #draw() {
    const width = this.chart.clientWidth;
    if (width === 0) return;
    this.#svg.setAttribute("width", String(width));
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const { seconds, notices } = this.#history;
    const x = this.#x(width);
    const rates = seconds.map(({ at_ms, reports_per_second: value }) => ({ at_ms, value }));
    const p50 = seconds.map(({ at_ms, flood_p50_seconds: value }) => ({ at_ms, value }));
    const p99 = seconds.map(({ at_ms, flood_p99_seconds: value }) => ({ at_ms, value }));
    const { top, scale } = linear(rates.map(({ value }) => value));
    const floods = logarithmic([...p50, ...p99].map(({ value }) => value));
    /** @param {number} value */
    const rateY = (value) => RATES - scale(value) * (RATES - 4);
    const floodTop = RATES + GAP;
    /** @param {number} value */
    const floodY = (value) => floodTop + FLOODS - floods.scale(value) * (FLOODS - 4);
    const markY = floodTop + FLOODS + GAP + MARKS / 2;
    this.#svg.replaceChildren(
      ...frame(width, RATES, `${rate(top)}/s`, "0"),
      ...frame(width, floodTop + FLOODS, duration(floods.top), duration(floods.bottom), FLOODS),
      ...minutes(this.#end, x),
      drawing("path", { class: "rates", d: areaPath(rates, x, rateY) }),
      drawing("path", { class: "rate", d: linePath(rates, x, rateY) }),
      drawing("path", { class: "p99", d: linePath(p99, x, floodY) }),
      drawing("path", { class: "p50", d: linePath(p50, x, floodY) }),
      drawing("text", { class: "label", x: 0, y: markY + 4 }, "events"),
      ...notices.filter(({ at_ms }) => at_ms > this.#end - SPAN_MS).map((notice) => mark(notice, x(notice.at_ms), markY)),
      this.#cursor);
    this.#showMoment();
  }

  /** @param {number} width */
  #x(width) {
    const start = this.#end - SPAN_MS;
    return (/** @type {number} */ ms) => LEFT + ((ms - start) / SPAN_MS) * (width - LEFT - 2);
  }

  /** @param {number} clientX */
  #point(clientX) {
    const { left, width } = this.chart.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (width - LEFT - 2);
    this.#moveTo(this.#end - SPAN_MS + Math.max(0, Math.min(1, share)) * SPAN_MS);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { seconds } = this.#history;
    const at = this.#at === null ? seconds.length - 1 : nearest(seconds, this.#at);
    const next = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageDown: at - 60, PageUp: at + 60, Home: 0, End: seconds.length - 1,
    }[event.key];
    if (next === undefined || seconds.length === 0) return;
    event.preventDefault();
    this.#moveTo(seconds[Math.max(0, Math.min(seconds.length - 1, next))].at_ms);
  }

  /** @param {number | null} ms */
  #moveTo(ms) {
    this.#at = ms;
    this.#showMoment();
  }

  #showMoment() {
    const { seconds, notices } = this.#history;
    const index = this.#at === null ? seconds.length - 1 : nearest(seconds, this.#at);
    const second = seconds[index];
    this.#cursor.classList.toggle("shown", this.#at !== null && second !== undefined);
    if (!second) {
      setText(this.moment, "");
      return;
    }
    const x = String(this.#x(this.chart.clientWidth)(second.at_ms));
    this.#cursor.setAttribute("x1", x);
    this.#cursor.setAttribute("x2", x);
    const near = this.#at === null ? [] : notices.filter(({ at_ms }) => Math.abs(at_ms - second.at_ms) <= NEAR_MS);
    const parts = [
      this.#at === null ? "Now" : clock(second.at_ms),
      reports(second.reports_per_second),
      `flood p50 ${duration(second.flood_p50_seconds)}, p99 ${duration(second.flood_p99_seconds)}`,
      ...near.map(({ node, text }) => (node ? `${node}: ${text}` : text)),
    ];
    setText(this.moment, parts.join(" · "));
    this.moment.title = parts.join("\n");
    this.chart.setAttribute("aria-valuemax", String(seconds.length - 1));
    this.chart.setAttribute("aria-valuenow", String(index));
    this.chart.setAttribute("aria-valuetext", parts.join(", "));
  }

  #showTable() {
    const room = byId("time-table");
    if (!room.closest("details")?.open) return;
    const { seconds, notices } = this.#history;
    const rows = [];
    for (let end = this.#end; end > this.#end - SPAN_MS; end -= ROW_MS) {
      const inside = seconds.filter(({ at_ms }) => at_ms <= end && at_ms > end - ROW_MS);
      if (inside.length === 0) continue;
      const mean = inside.reduce((sum, { reports_per_second }) => sum + reports_per_second, 0) / inside.length;
      const said = notices.filter(({ at_ms }) => at_ms <= end && at_ms > end - ROW_MS);
      rows.push([
        clock(end - ROW_MS), rate(mean),
        duration(worst(inside.map(({ flood_p50_seconds }) => flood_p50_seconds))),
        duration(worst(inside.map(({ flood_p99_seconds }) => flood_p99_seconds))),
        said.map(({ node, text }) => (node ? `${node}: ${text}` : text)).join("; "),
      ]);
    }
    room.replaceChildren(table("Half minutes, the latest first",
      ["From", "Reports/s", "Highest flood p50", "Highest flood p99", "Events"], rows));
  }
}

/** @param {(number | null)[]} values */
function worst(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.max(...known) : null;
}

/** The lines and labels of a plot. @param {number} width @param {number} bottom @param {string} most @param {string} least @param {number} [height] */
function frame(width, bottom, most, least, height = RATES) {
  const top = bottom - height + 4;
  return [
    drawing("line", { class: "axis", x1: LEFT, x2: width, y1: bottom, y2: bottom }),
    drawing("line", { class: "axis faint", x1: LEFT, x2: width, y1: top, y2: top }),
    drawing("text", { class: "label", x: 0, y: top + 6 }, most),
    drawing("text", { class: "label", x: 0, y: bottom }, least),
  ];
}

/** @param {number} end @param {(ms: number) => number} x */
function minutes(end, x) {
  return [8, 6, 4, 2].flatMap((ago) => {
    const at = x(end - ago * 60_000);
    return [
      drawing("line", { class: "axis faint", x1: at, x2: at, y1: 0, y2: HEIGHT - 14 }),
      drawing("text", { class: "label middle", x: at, y: HEIGHT - 2 }, `${ago} min ago`),
    ];
  });
}

/** @param {Notice} notice @param {number} x @param {number} y */
function mark({ kind, text }, x, y) {
  return drawing("path", { class: `mark ${kind}`, d: `M${x} ${y - 5}L${x + 4.5} ${y + 4}H${x - 4.5}Z` },
    drawing("title", {}, text));
}

/** What the lines of the chart mean. */
export function legend() {
  return element("p", { class: "legend" },
    element("span", { class: "key rates" }, "reports/s"),
    element("span", { class: "key p50" }, "flood p50"),
    element("span", { class: "key p99" }, "flood p99"));
}
