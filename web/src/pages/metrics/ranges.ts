/** Times that a page looks back, by their name in the address. Seconds. */
export const RANGES = [
  ['15m', 900],
  ['1h', 3_600],
  ['6h', 21_600],
  ['1d', 86_400],
  ['7d', 604_800],
] as const

/** Steps of a chart, about. */
const STEPS = 240

/** What an address says: a name of a range, or `FROM-TO` in seconds, as zooming writes it. */
export function timesOf(
  range: string,
  nowS: number,
): { readonly fromS: number; readonly toS: number; readonly stepS: number } {
  const fixed = /^(\d+)-(\d+)$/.exec(range)
  const lengthS = RANGES.find(([name]) => name === range)?.[1] ?? 3_600
  const toS = fixed === null ? nowS : Number(fixed[2])
  const fromS = fixed === null ? nowS - lengthS : Number(fixed[1])
  const stepS = Math.max(1, Math.round((toS - fromS) / STEPS))
  // Steps lie on whole multiples, so that a chart does not tremble from look to look.
  return { fromS: Math.floor(fromS / stepS) * stepS, toS: Math.floor(toS / stepS) * stepS, stepS }
}
