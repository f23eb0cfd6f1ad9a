import type { RequestFields } from './conditions.ts'
import { queryValue } from './conditions.ts'
import type { RouteInput } from './routing.ts'
import { ROUTE_METHOD_NOT_ALLOWED, ROUTE_NOT_FOUND } from './routing.ts'

/** The obvious matcher that the compiled one must agree with: asks every route, sorts those that match, takes the first. */
export function matchSlowly(
  routes: readonly RouteInput[],
  hostname: string,
  path: string,
  method: string,
  fields: RequestFields,
): number {
  const matching = routes
    .map((route, index) => ({ route, rank: rankOf(route, hostname, path, fields), index }))
    .filter((one) => one.rank !== undefined)
    .toSorted((a, b) => compareRanks(a.rank!, b.rank!) || a.index - b.index)
  const found = matching.find(({ route }) => allows(route, method))
  if (found !== undefined) return found.index
  return matching.length > 0 ? ROUTE_METHOD_NOT_ALLOWED : ROUTE_NOT_FOUND
}

function allows({ methods }: RouteInput, method: string): boolean {
  return (
    methods.length === 0 ||
    methods.includes(method) ||
    (method === 'HEAD' && methods.includes('GET'))
  )
}

/** Smaller is more specific; undefined: does not match, the method left aside. */
function rankOf(
  route: RouteInput,
  hostname: string,
  path: string,
  fields: RequestFields,
): number[] | undefined {
  const host = hostRank(route.hosts, hostname)
  const pathRank = rankPath(segmentsOf(route.path), segmentsOf(path))
  const conditions = [
    ...Object.entries(route.headers).map(([name, wanted]) => ({
      wanted,
      actual: fields.header(name),
    })),
    ...Object.entries(route.query).map(([name, wanted]) => ({
      wanted,
      actual: queryValue(fields.query, name),
    })),
  ]
  const isMet = conditions.every(
    ({ wanted, actual }) => actual !== undefined && (wanted === '*' || wanted === actual),
  )
  if (host === undefined || pathRank === undefined || !isMet) return undefined
  const count = conditions.length + (route.methods.length > 0 ? 1 : 0)
  const exact = conditions.filter(({ wanted }) => wanted !== '*').length
  return [host, ...pathRank, -count, -exact]
}

function hostRank(hosts: readonly string[], hostname: string): number | undefined {
  if (hosts.length === 0) return 0
  const ranks = hosts.flatMap((host) => {
    if (host === hostname) return [-1000]
    return host.startsWith('*') && hostname.endsWith(host.slice(1)) ? [-host.length] : []
  })
  return ranks.length === 0 ? undefined : Math.min(...ranks)
}

function segmentsOf(path: string): string[] {
  return path.replace(/\/$/, '').split('/').slice(1)
}

/** A number a segment: 0 literal, 1 one, 2 the end, 3 rest; filled up so that all ranks of one path are equally long. */
function rankPath(pattern: readonly string[], segments: readonly string[]): number[] | undefined {
  const rank: number[] = []
  for (let i = 0; i <= segments.length; i++) {
    if (pattern[i] === '**') {
      rank.push(3)
      break
    }
    if (i === segments.length || i === pattern.length) {
      if (i !== segments.length || i !== pattern.length) return undefined
      rank.push(2)
    } else if (pattern[i] === segments[i]) rank.push(0)
    else if (/^(\*|\{.*\})$/.test(pattern[i]!)) rank.push(1)
    else return undefined
  }
  while (rank.length <= segments.length) rank.push(9)
  return rank
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
