/**
 * What moves over the picture of the herd: dots that travel along links, rings where a report was
 * made, and the flow of busy links. Nothing is drawn while nothing moves.
 *
 * @typedef {import("./layout.js").Point} Point
 * @typedef {{ from: string, to: string, linesPerSecond: number }} Flow
 * @typedef {{ began: number, lasts: number, draw(progress: number): void, end?: () => void }} Motion
 */

import { colour, stillness } from "./dom.js";

/** Flow is drawn at most this often: it needs no more, and leaves time for the map. */
const FLOW_FRAME_MS = 1000 / 30;
/** The most dots of flow in the picture. */
const MOST_DOTS = 400;

export class Motions {
  /** @type {Motion[]} */
  #motions = [];
  /** @type {{ flow: Flow, dots: number, speed: number }[]} */
  #flows = [];
  #running = false;
  #drawn = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./graph.js").Graph} graph
   */
  constructor(canvas, graph) {
    this.canvas = canvas;
    this.graph = graph;
    this.brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    new ResizeObserver(() => {
      canvas.width = canvas.clientWidth * devicePixelRatio;
      canvas.height = canvas.clientHeight * devicePixelRatio;
    }).observe(canvas);
  }

  /**
   * A ring that grows around a node.
   *
   * @param {string} node
   * @param {number} lasts in milliseconds
   */
  ring(node, lasts) {
    this.#begin(lasts, (progress) => {
      const point = this.graph.point(node);
      if (!point) return;
      this.brush.globalAlpha = 1 - progress;
      this.brush.lineWidth = 4;
      this.brush.beginPath();
      this.brush.arc(point.x, point.y, this.graph.reach + progress * 44, 0, 2 * Math.PI);
      this.brush.stroke();
    });
  }

  /**
   * A dot that travels from a node to another.
   *
   * @param {string} from
   * @param {string} to
   * @param {number} lasts in milliseconds
   * @param {() => void} end when it arrives
   */
  hop(from, to, lasts, end) {
    this.#begin(lasts, (progress) => {
      const way = this.graph.way(from, to);
      if (!way) return;
      const eased = progress < 0.5 ? 2 * progress ** 2 : 1 - (2 - 2 * progress) ** 2 / 2;
      for (let tail = 0; tail < 5; tail++) {
        const at = between(way, Math.max(0, eased - tail * 0.045));
        this.brush.globalAlpha = 1 - tail * 0.2;
        this.#dot(at, (this.graph.isCrowded ? 5.5 : 8) - tail);
      }
    }, end);
  }

  /**
   * What flows along the links from now on.
   *
   * @param {Flow[]} flows
   */
  setFlow(flows) {
    const busy = stillness.matches ? [] : flows.filter(({ linesPerSecond }) => linesPerSecond > 0);
    const share = Math.min(1, MOST_DOTS / (busy.length * 9 || 1));
    this.#flows = busy.map((flow) => {
      const size = Math.log10(1 + flow.linesPerSecond);
      return { flow, dots: Math.max(1, Math.round((1 + size * 1.6) * share)), speed: 0.22 + size * 0.09 };
    });
    this.#run();
  }

  /** @param {number} lasts @param {(progress: number) => void} draw @param {() => void} [end] */
  #begin(lasts, draw, end) {
    this.#motions.push({ began: performance.now(), lasts, draw, end });
    this.#run();
  }

  #run() {
    if (this.#running) return;
    this.#running = true;
    requestAnimationFrame((now) => this.#frame(now));
  }

  /** @param {number} now */
  #frame(now) {
    const hasWork = this.#motions.length > 0 || this.#flows.length > 0;
    if (this.#motions.length > 0 || !hasWork || now - this.#drawn >= FLOW_FRAME_MS - 2) {
      this.#drawn = now;
      this.#drawAll(now);
    }
    this.#running = hasWork;
    if (hasWork) requestAnimationFrame((next) => this.#frame(next));
  }

  /** @param {number} now */
  #drawAll(now) {
    const { brush, canvas } = this;
    brush.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    brush.clearRect(0, 0, canvas.width, canvas.height);
    brush.fillStyle = brush.strokeStyle = colour("--flood");
    for (const { flow, dots, speed } of this.#flows) this.#drawFlow(now, flow, dots, speed);
    const ended = this.#motions.filter(({ began, lasts }) => now - began >= lasts);
    this.#motions = this.#motions.filter((motion) => !ended.includes(motion));
    for (const { began, lasts, draw } of this.#motions) draw(Math.max(0, now - began) / lasts);
    for (const { end } of ended) end?.();
    brush.globalAlpha = 1;
  }

  /** @param {number} now @param {Flow} flow @param {number} dots @param {number} speed in ways a second */
  #drawFlow(now, { from, to }, dots, speed) {
    const way = this.graph.way(from, to);
    if (!way) return;
    const [a, b] = way;
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    // Each direction keeps to its right.
    const aside = { x: (-(b.y - a.y) / length) * 4.5, y: ((b.x - a.x) / length) * 4.5 };
    this.brush.globalAlpha = 0.85;
    for (let dot = 0; dot < dots; dot++) {
      const at = between(way, ((now / 1000) * speed + dot / dots) % 1);
      this.#dot({ x: at.x + aside.x, y: at.y + aside.y }, 3);
    }
  }

  /** @param {Point} at @param {number} radius */
  #dot({ x, y }, radius) {
    this.brush.beginPath();
    this.brush.arc(x, y, radius, 0, 2 * Math.PI);
    this.brush.fill();
  }
}

/** @param {[Point, Point]} way @param {number} share */
function between([a, b], share) {
  return { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}
