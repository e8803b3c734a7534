/**
 * A layer of the map that draws clients and clusters on one canvas. While the map is dragged, the
 * canvas only moves; it is drawn again when the map rests.
 *
 * @typedef {import("./clients-worker.js").Box} Box
 * @typedef {{ longitude: number, latitude: number, count: number, slot: number }} Mark
 */

import { colour } from "./dom.js";
import { brief } from "./format.js";

/** How much more than the visible part is drawn on each side, as a share of its size. */
const PADDING = 0.5;
/** How many numbers a mark has: longitude, latitude, count, and slot (-1 for a cluster). */
const FIELDS = 4;
const DOT = 5;

/** The radius of a cluster. @param {number} count */
const radius = (count) => Math.min(27, 10 + 3 * Math.log10(count));

export class ClientsLayer extends L.Layer {
  #canvas = document.createElement("canvas");
  /** @type {Float64Array} */
  #marks = new Float64Array();
  #corner = L.point(0, 0);
  /** @type {L.LatLngBounds | null} */
  #drawn = null;
  #sprite = document.createElement("canvas");

  /** @param {(box: Box, zoom: number) => void} look asks for the marks of a box */
  constructor(look) {
    super();
    this.look = look;
    this.#canvas.className = "leaflet-zoom-animated clients";
  }

  /** @override @returns {Record<string, L.LeafletEventHandlerFn>} */
  getEvents() {
    return { moveend: () => this.refresh(), zoomanim: (event) => this.#zoom(/** @type {L.ZoomAnimEvent} */ (event)) };
  }

  /** @override @param {L.Map} map */
  onAdd(map) {
    map.getPane("clients")?.append(this.#canvas);
    this.refresh();
    return this;
  }

  /** Asks for the marks of what is visible, and draws those that are known meanwhile. */
  refresh() {
    const bounds = this._map.getBounds().pad(PADDING);
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    this.look([Math.max(-180, west), Math.max(-90, south), Math.min(180, east), Math.min(90, north)], this._map.getZoom());
    this.#draw();
  }

  /** @param {Float64Array} marks */
  show(marks) {
    this.#marks = marks;
    this.#draw();
  }

  /** Takes the colours of the moment. */
  restyle() {
    this.#sprite.width = 0;
    this.#draw();
  }

  /** The mark under a point of the map; null if there is none. @param {L.Point} point in its container */
  hit(point) {
    const { x, y } = this._map.containerPointToLayerPoint(point);
    let best = null;
    let nearest = Infinity;
    for (let at = 0; at < this.#marks.length; at += FIELDS) {
      const mark = this.#mark(at);
      const place = this._map.latLngToLayerPoint([mark.latitude, mark.longitude]);
      const distance = Math.hypot(place.x - x, place.y - y);
      const reach = mark.count > 1 ? radius(mark.count) : DOT + 4;
      if (distance <= reach && distance < nearest) [best, nearest] = [mark, distance];
    }
    return best;
  }

  /** @param {number} at @returns {Mark} */
  #mark(at) {
    const [longitude, latitude, count, slot] = this.#marks.subarray(at, at + FIELDS);
    return { longitude, latitude, count, slot };
  }

  #draw() {
    const map = this._map;
    if (!map) return;
    const size = map.getSize();
    const pad = size.multiplyBy(PADDING).round();
    const [width, height] = [size.x + 2 * pad.x, size.y + 2 * pad.y];
    this.#corner = map.containerPointToLayerPoint(L.point(-pad.x, -pad.y)).round();
    this.#drawn = L.latLngBounds(
      map.layerPointToLatLng(this.#corner), map.layerPointToLatLng(this.#corner.add([width, height])));
    L.DomUtil.setTransform(this.#canvas, this.#corner, 1);
    this.#canvas.width = width * devicePixelRatio;
    this.#canvas.height = height * devicePixelRatio;
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    const brush = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
    brush.scale(devicePixelRatio, devicePixelRatio);
    this.#drawMarks(brush);
  }

  /** @param {CanvasRenderingContext2D} brush */
  #drawMarks(brush) {
    if (this.#sprite.width === 0 || this.#sprite.width === 300) drawDot(this.#sprite);
    const [fill, ink] = [colour("--accent"), colour("--on-accent")];
    brush.font = "600 11px system-ui, sans-serif";
    brush.textAlign = "center";
    brush.textBaseline = "middle";
    for (let at = 0; at < this.#marks.length; at += FIELDS) {
      const { latitude, longitude, count } = this.#mark(at);
      const { x, y } = this._map.latLngToLayerPoint([latitude, longitude]).subtract(this.#corner);
      if (count > 1) drawCluster(brush, x, y, count, fill, ink);
      else brush.drawImage(this.#sprite, x - DOT - 1, y - DOT - 1, 2 * DOT + 2, 2 * DOT + 2);
    }
  }

  /** Stretches the picture while the map zooms. @param {L.ZoomAnimEvent} event */
  #zoom({ zoom, center }) {
    if (!this.#drawn) return;
    // Leaflet's own layers use this method, but its types do not have it.
    const map = /** @type {any} */ (this._map);
    const corner = map._latLngToNewLayerPoint(this.#drawn.getNorthWest(), zoom, center);
    L.DomUtil.setTransform(this.#canvas, corner, map.getZoomScale(zoom));
  }
}

/** @param {CanvasRenderingContext2D} brush @param {number} x @param {number} y @param {number} count @param {string} fill @param {string} ink */
function drawCluster(brush, x, y, count, fill, ink) {
  const size = radius(count);
  brush.fillStyle = fill;
  brush.globalAlpha = 0.25;
  brush.beginPath();
  brush.arc(x, y, size + 4, 0, 2 * Math.PI);
  brush.fill();
  brush.globalAlpha = 0.92;
  brush.beginPath();
  brush.arc(x, y, size, 0, 2 * Math.PI);
  brush.fill();
  brush.globalAlpha = 1;
  brush.fillStyle = ink;
  brush.fillText(brief(count), x, y + 0.5);
}

/** Draws the dot of one client. @param {HTMLCanvasElement} canvas */
function drawDot(canvas) {
  const size = 2 * DOT + 2;
  canvas.width = canvas.height = size * devicePixelRatio;
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  brush.scale(devicePixelRatio, devicePixelRatio);
  brush.fillStyle = colour("--accent");
  brush.strokeStyle = colour("--room");
  brush.lineWidth = 1.5;
  brush.beginPath();
  brush.arc(size / 2, size / 2, DOT - 0.5, 0, 2 * Math.PI);
  brush.fill();
  brush.stroke();
}
