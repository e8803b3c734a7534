/**
 * The map: the world, clients, the place that was clicked, and the places near a client.
 *
 * @typedef {import("./types.js").Place} Place
 * @typedef {import("./clients.js").KnownClient} KnownClient
 * @typedef {{ place(latitude: number, longitude: number): void, client(client: KnownClient): void }} Clicks
 */

import { Clients } from "./clients.js";
import { ClientsLayer } from "./clients-layer.js";
import { colour, element, stillness } from "./dom.js";
import { World } from "./world.js";

/** How long a ring shows where a report came from. */
const RIPPLE_MS = 1500;
/** The most rings at a time. */
const MOST_RIPPLES = 8;

export class HerdMap {
  #ripples = 0;

  /**
   * @param {HTMLElement} container
   * @param {Clicks} clicks
   */
  constructor(container, clicks) {
    this.map = L.map(container, {
      attributionControl: false,
      renderer: L.canvas({ padding: 0.6 }),
      maxBounds: [[-89, -200], [89, 200]],
      maxBoundsViscosity: 0.8,
      zoomSnap: 0.5,
      minZoom: 0,
      maxZoom: 16,
      zoomAnimation: !stillness.matches,
      fadeAnimation: !stillness.matches,
      inertia: !stillness.matches,
    });
    container.setAttribute("role", "group");
    container.setAttribute("aria-label", "World with clients: arrow keys move it, plus and minus zoom, Enter takes the middle");
    this.map.createPane("clients").style.zIndex = "450";
    L.control.scale({ imperial: false }).addTo(this.map);
    this.showWorld();
    new ResizeObserver(() => this.map.invalidateSize()).observe(container);

    this.world = new World(this.map);
    this.world.load();
    this.clients = new Clients({
      changed: () => this.#changed(),
      view: (marks, clustered) => {
        this.clustered = clustered;
        this.layer.show(marks);
      },
    });
    this.clustered = false;
    this.layer = new ClientsLayer((box, zoom) => this.clients.look(box, zoom)).addTo(this.map);
    this.found = L.layerGroup().addTo(this.map);
    this.target = L.layerGroup().addTo(this.map);
    this.onchange = () => {};
    this.map.on("click", (event) => this.#click(event, clicks));
    container.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== container) return;
      const middle = this.map.getCenter();
      this.#click({ containerPoint: this.map.latLngToContainerPoint(middle), latlng: middle }, clicks);
    });
    this.map.on("mousemove", (event) => {
      container.classList.toggle("over-client", this.layer.hit(event.containerPoint) !== null);
    });
  }

  /** Takes the colours of the moment. */
  restyle() {
    this.world.restyle();
    this.layer.restyle();
  }

  /** Shows where the next report is made from. @param {number} latitude @param {number} longitude */
  showTarget(latitude, longitude) {
    this.target.clearLayers();
    const icon = L.divIcon({ className: "target", iconSize: [28, 28], html: element("span", {}) });
    L.marker([latitude, longitude], { icon, interactive: false, keyboard: false }).addTo(this.target);
  }

  /**
   * Shows a client, the circle that was asked about, and the places in it.
   *
   * @param {KnownClient} client
   * @param {number} km
   * @param {Place[]} places
   */
  showPlaces({ client, latitude, longitude }, km, places) {
    this.found.clearLayers();
    this.target.clearLayers();
    const accent = colour("--flood");
    const circle = L.circle([latitude, longitude], {
      radius: km * 1000, color: accent, weight: 2, fillColor: accent, fillOpacity: 0.1, interactive: false,
    }).addTo(this.found);
    L.circleMarker([latitude, longitude], { radius: 7, color: accent, weight: 3, fill: false, interactive: false })
      .addTo(this.found).bindTooltip(element("span", {}, client), { permanent: true, direction: "top", offset: [0, -8] });
    for (const place of places) {
      if (place.latitude === null || place.longitude === null) continue;
      const icon = L.divIcon({ className: "pin", iconSize: [18, 18], html: element("span", {}) });
      L.marker([place.latitude, place.longitude], { icon, title: place.name, alt: place.name })
        .bindPopup(element("div", {}, element("strong", {}, place.name), element("br", {}), place.vicinity))
        .addTo(this.found);
    }
    this.map.fitBounds(circle.getBounds(), { padding: [20, 20], maxZoom: 14, animate: !stillness.matches });
  }

  /** Shows the whole world again, without what was found. */
  reset() {
    this.clients.clear();
    this.found.clearLayers();
    this.target.clearLayers();
    this.showWorld();
  }

  showWorld() {
    this.map.fitBounds([[-56, -165], [74, 178]], { animate: false });
  }

  /** Shows for a moment where a report came from. @param {number} latitude @param {number} longitude */
  ripple(latitude, longitude) {
    if (this.#ripples >= MOST_RIPPLES || document.hidden) return;
    this.#ripples++;
    const icon = L.divIcon({ className: "ripple", iconSize: [20, 20], html: element("span", {}) });
    const marker = L.marker([latitude, longitude], { icon, interactive: false, keyboard: false }).addTo(this.map);
    setTimeout(() => {
      marker.remove();
      this.#ripples--;
    }, RIPPLE_MS);
  }

  #changed() {
    this.layer.refresh();
    this.onchange();
  }

  /** @param {{ containerPoint: L.Point, latlng: L.LatLng }} event @param {Clicks} clicks */
  async #click({ containerPoint, latlng }, clicks) {
    const mark = this.layer.hit(containerPoint);
    if (mark === null) {
      const { lat, lng } = latlng.wrap();
      clicks.place(Math.max(-90, Math.min(90, lat)), lng);
    } else if (mark.slot < 0) {
      this.map.setView([mark.latitude, mark.longitude], this.map.getZoom() + 2);
    } else {
      const client = await this.clients.client(mark.slot);
      if (client) clicks.client(client);
    }
  }
}
