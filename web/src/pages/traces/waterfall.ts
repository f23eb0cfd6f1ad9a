import type { Found } from '../../api/logs.ts'

/** A span in the picture of its trace. */
export interface WaterfallRow {
  readonly span: Found
  readonly depth: number
  /** Shares of the whole trace, 0 to 1. */
  readonly start: number
  readonly width: number
  /** The trace would have been quicker had this been quicker. */
  readonly isCritical: boolean
}

/** Spans within each other; a deeper one stands at this depth. */
const DEPTH_MAX = 64

/** Spans below their parents, in the order of their begin; one whose parent is not known stands at the left. */
export function waterfallOf(spans: readonly Found[]): readonly WaterfallRow[] {
  if (spans.length === 0) return []
  const byId = new Map(spans.map((span) => [span.span, span]))
  const children = new Map<string, Found[]>()
  const roots: Found[] = []
  for (const span of spans.toSorted((a, b) => a.time - b.time || a.seq - b.seq)) {
    const parent = span.parent ?? ''
    if (parent === span.span || !byId.has(parent)) roots.push(span)
    else children.set(parent, [...(children.get(parent) ?? []), span])
  }
  const from = Math.min(...spans.map(({ time }) => time))
  const whole = Math.max(1, Math.max(...spans.map(endOf)) - from)
  const critical = criticalOf(roots, children)
  const rows: WaterfallRow[] = []
  const seen = new Set<Found>()
  const add = (span: Found, depth: number): void => {
    if (seen.has(span)) return
    seen.add(span)
    rows.push({
      span,
      depth: Math.min(depth, DEPTH_MAX),
      start: (span.time - from) / whole,
      width: (endOf(span) - span.time) / whole,
      isCritical: critical.has(span),
    })
    for (const child of children.get(span.span) ?? []) add(child, depth + 1)
  }
  for (const root of roots) add(root, 0)
  // Spans that are each other's parents hang at no root.
  for (const span of spans) add(span, 0)
  return rows
}

/** Microseconds. */
function endOf({ time, duration = 0 }: Found): number {
  return time + duration / 1_000
}

/**
 * From the end of the root back to its begin: whoever ended last before the moment is what was waited for; what begins before it is looked at next.
 */
function criticalOf(
  roots: readonly Found[],
  children: ReadonlyMap<string, readonly Found[]>,
): ReadonlySet<Found> {
  const critical = new Set<Found>()
  const walk = (span: Found, until: number): void => {
    if (critical.has(span)) return
    critical.add(span)
    let moment = Math.min(until, endOf(span))
    for (const child of (children.get(span.span) ?? []).toSorted((a, b) => endOf(b) - endOf(a))) {
      if (child.time >= moment || endOf(child) > moment + 1) continue
      walk(child, moment)
      moment = child.time
    }
  }
  const longest = roots.toSorted((a, b) => endOf(b) - b.time - (endOf(a) - a.time))[0]
  if (longest !== undefined) walk(longest, endOf(longest))
  return critical
}
