/** Curves between the layers, and places for their labels. Pure. */
import type { Point } from './layout.ts'

export const LABEL_WIDTH = 136
export const LABEL_HEIGHT = 20

/** An SVG path: a level S-curve across each gap, a straight line past each layer between. */
export function curvePath(points: readonly Point[]): string {
  const [start, ...rest] = points
  if (start === undefined) return ''
  const parts = [`M ${start.x} ${start.y}`]
  for (const [index, point] of rest.entries()) {
    const before = points[index] ?? start
    const middle = (before.x + point.x) / 2
    parts.push(
      index % 2 === 0
        ? `C ${middle} ${before.y}, ${middle} ${point.y}, ${point.x} ${point.y}`
        : `L ${point.x} ${point.y}`,
    )
  }
  return parts.join(' ')
}

/** The point at share `t` of a level S-curve from `a` to `b`. */
export function pointOnCurve(a: Point, b: Point, t: number): Point {
  const ease = 3 * (1 - t) * t * t + t * t * t
  // Control points share the x of the middle: x(t) = a + (b - a) * (1.5 t (1-t)^2 + 1.5 t^2 (1-t) + t^3).
  const along = 1.5 * t * (1 - t) ** 2 + 1.5 * t * t * (1 - t) + t ** 3
  return { x: a.x + (b.x - a.x) * along, y: a.y + (b.y - a.y) * ease }
}

const SHARES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.5]

/**
 * Centre of each edge's label, on its own curve and clear of the labels before it. Where nothing is free the label stays
 * in the middle. The result depends on the keys alone, so labels keep their places while traffic changes.
 */
export function placeLabels(
  edges: ReadonlyMap<string, readonly Point[]>,
): ReadonlyMap<string, Point> {
  const placed = new Map<string, Point>()
  const isFree = (at: Point): boolean =>
    [...placed.values()].every(
      (other) =>
        Math.abs(other.x - at.x) >= LABEL_WIDTH || Math.abs(other.y - at.y) >= LABEL_HEIGHT,
    )
  for (const [id, points] of [...edges].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const places = labelPlaces(points)
    const place = places.find(isFree) ?? places[0]
    if (place !== undefined) placed.set(id, place)
  }
  return placed
}

function labelPlaces(points: readonly Point[]): readonly Point[] {
  const gaps: [Point, Point][] = []
  for (let index = 0; index + 1 < points.length; index += 2) {
    const [a, b] = [points[index], points[index + 1]]
    if (a !== undefined && b !== undefined) gaps.push([a, b])
  }
  return gaps.flatMap(([a, b]) => SHARES.map((share) => pointOnCurve(a, b, share)))
}
