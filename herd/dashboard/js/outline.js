/**
 * Outlines on the sphere, made ready for a flat map: a line that crosses the date line goes on
 * beyond 180 degrees, and is drawn a second time at the other edge.
 *
 * @typedef {number[]} Position longitude and latitude
 */

/** The latitude to which a flat map closes a coast that goes around a pole. */
const POLE = 89.9;

/**
 * The rings of polygons, each with the copies that a flat map needs.
 *
 * @param {GeoJSON.FeatureCollection} land
 * @returns {GeoJSON.MultiPolygon}
 */
export function flatPolygons(land) {
  /** @type {Position[][][]} */
  const polygons = [];
  for (const { geometry } of land.features) {
    if (geometry.type === "Polygon") polygons.push(geometry.coordinates);
    if (geometry.type === "MultiPolygon") polygons.push(...geometry.coordinates);
  }
  return { type: "MultiPolygon", coordinates: polygons.flatMap((rings) => copies(rings.map((ring) => closed(unrolled(ring))))) };
}

/**
 * @param {GeoJSON.MultiLineString} lines
 * @returns {GeoJSON.MultiLineString}
 */
export function flatLines(lines) {
  return { type: "MultiLineString", coordinates: lines.coordinates.flatMap((line) => copies([unrolled(line)]).flat()) };
}

/** Lets longitudes go on beyond 180 degrees, instead of jumping. @param {Position[]} line */
export function unrolled(line) {
  let turns = 0;
  return line.map(([longitude, latitude], index) => {
    const step = index === 0 ? 0 : longitude - line[index - 1][0];
    if (step > 180) turns -= 360;
    if (step < -180) turns += 360;
    return [longitude + turns, latitude];
  });
}

/** Closes a ring that goes around a pole along the edge of the map. @param {Position[]} ring */
function closed(ring) {
  const [first, last] = [ring[0], ring[ring.length - 1]];
  if (Math.abs(last[0] - first[0]) < 180) return ring;
  const pole = first[1] < 0 ? -POLE : POLE;
  return [...ring, [last[0], pole], [first[0], pole], first];
}

/** The lines, and again one turn further where they leave the map. @param {Position[][]} lines */
function copies(lines) {
  const longitudes = lines.flat().map(([longitude]) => longitude);
  const found = [lines];
  if (Math.max(...longitudes) > 180) found.push(shifted(lines, -360));
  if (Math.min(...longitudes) < -180) found.push(shifted(lines, 360));
  return found;
}

/** @param {Position[][]} lines @param {number} by */
function shifted(lines, by) {
  return lines.map((line) => line.map(([longitude, latitude]) => [longitude + by, latitude]));
}
