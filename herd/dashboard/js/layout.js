/**
 * Where the nodes of a graph go, in a square from 0 to 1. Small herds stand on a circle in the order
 * with the fewest crossings; larger ones are pulled together by their links. The same graph always
 * looks the same.
 *
 * @typedef {{ x: number, y: number }} Point
 * @typedef {[number, number]} Edge indices of two nodes
 */

/** The most nodes that stand on a circle. */
export const CIRCLE = 12;

/**
 * @param {number} nodes
 * @param {Edge[]} edges
 * @returns {Point[]}
 */
export function place(nodes, edges) {
  if (nodes === 1) return [{ x: 0.5, y: 0.5 }];
  const circle = onCircle(fewestCrossings(nodes, edges));
  return stretched(nodes <= CIRCLE ? circle : pulled(circle, edges));
}

/**
 * The place of each node on a circle, the first at the top.
 *
 * @param {number[]} order the nodes, in the order in which they stand on the circle
 */
function onCircle(order) {
  /** @type {Point[]} */
  const points = [];
  order.forEach((node, seat) => {
    const angle = (seat / order.length) * 2 * Math.PI - Math.PI / 2;
    points[node] = { x: 0.5 + Math.cos(angle) / 2, y: 0.5 + Math.sin(angle) / 2 };
  });
  return points;
}

/**
 * Swaps nodes on the circle as long as that removes crossings, or shortens links.
 *
 * @param {number} nodes
 * @param {Edge[]} edges
 */
function fewestCrossings(nodes, edges) {
  const order = [...Array(nodes).keys()];
  if (nodes > CIRCLE) return order;
  let best = badness(order, edges);
  for (let improved = true; improved;) {
    improved = false;
    for (let a = 0; a < nodes; a++) {
      for (let b = a + 1; b < nodes; b++) {
        [order[a], order[b]] = [order[b], order[a]];
        const swapped = badness(order, edges);
        if (swapped < best) {
          best = swapped;
          improved = true;
        } else {
          [order[a], order[b]] = [order[b], order[a]];
        }
      }
    }
  }
  return order;
}

/**
 * The number of crossings of links, and a little for their lengths.
 *
 * @param {number[]} order
 * @param {Edge[]} edges
 */
export function badness(order, edges) {
  /** @type {number[]} */
  const seat = [];
  order.forEach((node, at) => (seat[node] = at));
  const spans = edges.map(([a, b]) => [Math.min(seat[a], seat[b]), Math.max(seat[a], seat[b])]);
  let crossings = 0;
  let length = 0;
  spans.forEach(([a, b], index) => {
    length += Math.min(b - a, order.length - (b - a));
    for (const [c, d] of spans.slice(index + 1)) {
      if ((a < c && c < b && b < d) || (c < a && a < d && d < b)) crossings++;
    }
  });
  return crossings + length / 1000;
}

/**
 * Lets nodes push each other away and links pull, cooling down (Fruchterman and Reingold).
 *
 * @param {Point[]} start
 * @param {Edge[]} edges
 */
function pulled(start, edges) {
  const points = start.map(({ x, y }) => ({ x, y }));
  const rest = 0.9 / Math.sqrt(points.length);
  const rounds = 400;
  for (let round = 0; round < rounds; round++) {
    const moves = points.map(() => ({ x: 0, y: 0 }));
    /** @param {number} a @param {number} b @param {(distance: number) => number} force */
    const push = (a, b, force) => {
      const dx = points[a].x - points[b].x;
      const dy = points[a].y - points[b].y;
      const distance = Math.hypot(dx, dy) || 1e-6;
      const size = force(distance) / distance;
      moves[a].x += dx * size;
      moves[a].y += dy * size;
      moves[b].x -= dx * size;
      moves[b].y -= dy * size;
    };
    for (let a = 0; a < points.length; a++) {
      for (let b = a + 1; b < points.length; b++) push(a, b, (distance) => rest ** 2 / distance);
    }
    for (const [a, b] of edges) push(a, b, (distance) => -(distance ** 2) / rest);
    const heat = 0.1 * (1 - round / rounds) + 0.001;
    points.forEach((point, index) => {
      const { x, y } = moves[index];
      const limit = Math.min(heat / (Math.hypot(x, y) || 1), 1);
      point.x += x * limit;
      point.y += y * limit;
    });
  }
  return points;
}

/**
 * Moves points into rows of equal length, so that no name stands on another. Neighbours stay near
 * each other: rows are cut from top to bottom, and filled from left to right.
 *
 * @param {Point[]} points
 * @param {number} columns the most points in a row
 * @returns {{ points: Point[], rows: number }}
 */
export function inRows(points, columns) {
  const rows = Math.ceil(points.length / Math.max(1, columns));
  const size = Math.ceil(points.length / rows);
  const fromTop = points.map((point, index) => ({ ...point, index })).sort((a, b) => a.y - b.y);
  /** @type {Point[]} */
  const moved = [];
  for (let row = 0; row < rows; row++) {
    const members = fromTop.slice(row * size, (row + 1) * size).sort((a, b) => a.x - b.x);
    members.forEach(({ index }, seat) => {
      // Every other row is shifted, so that links pass between names.
      const x = (seat + (row % 2 === 0 ? 0.25 : 0.75)) / Math.max(members.length, size);
      moved[index] = { x, y: rows === 1 ? 0.5 : row / (rows - 1) };
    });
  }
  return { points: moved, rows };
}

/** Points closer than this stand on one line: a cosine is seldom exactly 0. */
const SAME = 1e-9;

/** Stretches a picture to the whole square. @param {Point[]} points */
function stretched(points) {
  const xs = spread(points.map(({ x }) => x));
  const ys = spread(points.map(({ y }) => y));
  return points.map((_, index) => ({ x: xs[index], y: ys[index] }));
}

/** Spreads numbers from 0 to 1. Equal ones go to the middle. @param {number[]} numbers */
function spread(numbers) {
  const least = Math.min(...numbers);
  const range = Math.max(...numbers) - least;
  return numbers.map((number) => (range < SAME ? 0.5 : (number - least) / range));
}
