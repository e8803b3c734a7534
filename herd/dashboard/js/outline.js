/**
 * Outlines on the sphere, made ready for a flat map: a coast that crosses the date line is cut there,
 * and goes on at the other edge.
 *
 * @typedef {number[]} Position longitude and latitude
 */

/** The latitude to which a flat map closes a coast that goes around a pole. */
const POLE = 89.9;

/**
 * Polygons with rings that stay between 180 degrees west and east.
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
  return { type: "MultiPolygon", coordinates: polygons.flatMap((rings) => cut(rings.map((ring) => closed(unrolled(ring))))) };
}

/**
 * @param {GeoJSON.MultiLineString} lines
 * @returns {GeoJSON.MultiLineString}
 */
export function flatLines(lines) {
  return { type: "MultiLineString", coordinates: lines.coordinates.map(unrolled) };
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

/** The parts of a polygon in the map, in the map to its west and in that to its east. @param {Position[][]} rings */
function cut(rings) {
  const longitudes = rings.flat().map(([longitude]) => longitude);
  if (Math.max(...longitudes) <= 180 && Math.min(...longitudes) >= -180) return [rings];
  return [-360, 0, 360].map((shift) => rings
    .map((ring) => ring.map(([longitude, latitude]) => [longitude + shift, latitude]))
    .map((ring) => clipped(clipped(ring, 180, 1), -180, -1))
    .filter((ring) => ring.length > 0)).filter((part) => part.length > 0);
}

/**
 * The part of a ring on one side of a meridian.
 *
 * @param {Position[]} ring
 * @param {number} edge the longitude of the meridian
 * @param {1 | -1} side 1 keeps what is west of it, -1 what is east
 */
function clipped(ring, edge, side) {
  /** @type {Position[]} */
  const kept = [];
  ring.forEach((point, index) => {
    const before = ring[(index + ring.length - 1) % ring.length];
    const isIn = (point[0] - edge) * side <= 0;
    const wasIn = (before[0] - edge) * side <= 0;
    if (isIn !== wasIn) {
      const share = (edge - before[0]) / (point[0] - before[0]);
      kept.push([edge, before[1] + (point[1] - before[1]) * share]);
    }
    if (isIn) kept.push(point);
  });
  return kept;
}
