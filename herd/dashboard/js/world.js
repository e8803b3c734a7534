/** The outline of the world, and lines of latitude and longitude for places without a coast. */

import { colour } from "./dom.js";
import { flatLines, flatPolygons } from "./outline.js";

/** From this zoom on, the outline alone does not say where one is. */
const GRID_ZOOM = 5;

export class World {
  #land = L.geoJSON(undefined, { interactive: false });
  #borders = L.geoJSON(undefined, { interactive: false });
  #grid = L.layerGroup();

  /** @param {L.Map} map */
  constructor(map) {
    this.map = map;
    for (const layer of [this.#grid, this.#land, this.#borders]) layer.addTo(map);
    map.on("moveend", () => this.#drawGrid());
    this.restyle();
  }

  async load() {
    const response = await fetch("/assets/vendor/countries-110m.json");
    const atlas = await response.json();
    this.#land.addData(flatPolygons(topojson.feature(atlas, atlas.objects.land)));
    this.#borders.addData(flatLines(topojson.mesh(atlas, atlas.objects.countries, (a, b) => a !== b)));
    this.restyle();
  }

  /** Takes the colours of the moment. */
  restyle() {
    const [land, coast] = [colour("--land"), colour("--coast")];
    this.#land.setStyle({ stroke: true, color: coast, weight: 1, fill: true, fillColor: land, fillOpacity: 1 });
    this.#borders.setStyle({ color: coast, weight: 0.6, fill: false });
    this.#drawGrid();
  }

  #drawGrid() {
    this.#grid.clearLayers();
    const zoom = this.map.getZoom();
    if (zoom < GRID_ZOOM) return;
    const step = [10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01][Math.min(9, Math.floor(zoom) - GRID_ZOOM)];
    const bounds = this.map.getBounds().pad(0.5);
    const style = { color: colour("--coast"), weight: 1, opacity: 0.5, dashArray: "2 4", interactive: false };
    /** @param {number} from @param {number} to @param {(at: number) => L.LatLngExpression[]} line */
    const lines = (from, to, line) => {
      for (let at = Math.ceil(from / step); at <= to / step; at++) L.polyline(line(at * step), style).addTo(this.#grid);
    };
    const [west, east, south, north] = [bounds.getWest(), bounds.getEast(), bounds.getSouth(), bounds.getNorth()];
    lines(west, east, (longitude) => [[south, longitude], [north, longitude]]);
    lines(south, north, (latitude) => [[latitude, west], [latitude, east]]);
  }
}
