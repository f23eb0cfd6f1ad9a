import type { RequestFields } from './conditions.ts'
import { allowsMethod, compileFields, meetsFields } from './conditions.ts'
import { parseHostPattern, parsePathPattern } from './pattern.ts'
import type { RouteEntry, TrieNode } from './segment-trie.ts'
import { createTrieNode, findChild, insertRoute } from './segment-trie.ts'

/** What a route matches. `RouteSpec` of the snapshot satisfies it. */
export interface RouteInput {
  /** Empty: any. */
  readonly hosts: readonly string[]
  readonly path: string
  /** Upper case; empty: any. */
  readonly methods: readonly string[]
  /** Lower-case name to exact value, or `*` for present. */
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}

/** Compiled routes. Read only; made once for each snapshot. */
export interface RouteTable {
  readonly exactHosts: ReadonlyMap<string, TrieNode>
  /** By what follows `*.`. */
  readonly suffixHosts: ReadonlyMap<string, TrieNode>
  readonly anyHost: TrieNode
  /** Every method that some route names. */
  readonly methods: readonly string[]
}

/** No route matches: 404. */
export const ROUTE_NOT_FOUND = -1
/** Some route would match with another method: 405, with `allowedMethods` in Allow. */
export const ROUTE_METHOD_NOT_ALLOWED = -2

/**
 * Compiles routes for `matchRoute`. Of all routes that match a request the most specific wins, in this order:
 * host (exact, then `*.` with the longer suffix, then any); path, segment by segment from the left (literal, then
 * `*` or `{param}`, then the end, then `**`); number of conditions (methods count as one, each header and query
 * parameter as one); number of those with an exact value; place in the list.
 * Throws `RoutePatternError`.
 */
export function compileRoutes(routes: readonly RouteInput[]): RouteTable {
  const exactHosts = new Map<string, TrieNode>()
  const suffixHosts = new Map<string, TrieNode>()
  const anyHost = createTrieNode()
  const attemptsOf = new Map<string, TrieNode>()
  function trieFor(pattern: string): TrieNode {
    const known = attemptsOf.get(pattern)
    if (known !== undefined) return known
    const host = parseHostPattern(pattern)
    const trie =
      host.kind === 'exact' ? trieOf(exactHosts, host.host) : trieOf(suffixHosts, host.suffix)
    attemptsOf.set(pattern, trie)
    return trie
  }
  for (const { route, entry } of sortEntries(routes)) {
    const segments = parsePathPattern(route.path)
    if (route.hosts.length === 0) insertRoute(anyHost, segments, entry)
    for (const trie of new Set(route.hosts.map(trieFor))) insertRoute(trie, segments, entry)
  }
  const methods = new Set(routes.flatMap((route) => withHead(route.methods)))
  return { exactHosts, suffixHosts, anyHost, methods: [...methods] }
}

function trieOf(tries: Map<string, TrieNode>, key: string): TrieNode {
  let trie = tries.get(key)
  if (trie === undefined) tries.set(key, (trie = createTrieNode()))
  return trie
}

/** More conditions first, then more exact ones, then the order of the file. */
function sortEntries(routes: readonly RouteInput[]) {
  return routes
    .map((route, index) => {
      const entry: RouteEntry = {
        index,
        methods: withHead(route.methods),
        headers: compileFields(route.headers, (name) => name.toLowerCase()),
        query: compileFields(route.query, (name) => name),
      }
      const fields = [...entry.headers, ...entry.query]
      const conditions = fields.length + Math.min(1, entry.methods.length)
      const exact = fields.filter((field) => field.value !== undefined).length
      return { route, entry, conditions, exact }
    })
    .toSorted(
      (a, b) => b.conditions - a.conditions || b.exact - a.exact || a.entry.index - b.entry.index,
    )
}

function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods
}

/**
 * Index of the most specific route that matches, or ROUTE_NOT_FOUND, or ROUTE_METHOD_NOT_ALLOWED.
 * `hostname` is lower case, without port and without a final dot; `path` is in normal form (`normalizePath`) and
 * without query. Allocates nothing, but for short strings while a `*.` host is looked for or a query is asked for.
 */
export function matchRoute(
  table: RouteTable,
  hostname: string,
  path: string,
  method: string,
  fields: RequestFields,
): number {
  const exact = table.exactHosts.get(hostname)
  let best = exact === undefined ? ROUTE_NOT_FOUND : walk(exact, path, 1, method, fields)
  if (best >= 0) return best
  if (table.suffixHosts.size > 0) {
    for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
      const trie = dot > 0 ? table.suffixHosts.get(hostname.slice(dot + 1)) : undefined
      if (trie === undefined) continue
      best = worse(best, walk(trie, path, 1, method, fields))
      if (best >= 0) return best
    }
  }
  return worse(best, walk(table.anyHost, path, 1, method, fields))
}

/** A found route counts; without one, "another method" tells more than "not found". */
function worse(before: number, now: number): number {
  return now >= 0 || before === ROUTE_NOT_FOUND ? now : before
}

/** Depth first, the most specific branch first; `at` is the start of the next segment. */
function walk(
  node: TrieNode,
  path: string,
  at: number,
  method: string,
  fields: RequestFields,
): number {
  let best = ROUTE_NOT_FOUND
  if (at >= path.length) {
    if (node.ends.length > 0) best = choose(node.ends, method, fields)
  } else {
    const slash = path.indexOf('/', at)
    const end = slash < 0 ? path.length : slash
    const child = findChild(node, path, at, end)
    if (child !== undefined) best = walk(child, path, end + 1, method, fields)
    if (best < 0 && node.one !== undefined && end > at) {
      best = worse(best, walk(node.one, path, end + 1, method, fields))
    }
  }
  if (best >= 0 || node.rests.length === 0) return best
  return worse(best, choose(node.rests, method, fields))
}

function choose(entries: readonly RouteEntry[], method: string, fields: RequestFields): number {
  let best = ROUTE_NOT_FOUND
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    if (!meetsFields(entry, fields)) continue
    if (allowsMethod(entry, method)) return entry.index
    best = ROUTE_METHOD_NOT_ALLOWED
  }
  return best
}

/**
 * The methods that would have matched, sorted, for the Allow header of a 405 (RFC 9110 section 15.5.6). Asks once for each
 * method that any route names.
 */
export function allowedMethods(
  table: RouteTable,
  hostname: string,
  path: string,
  fields: RequestFields,
): string[] {
  return table.methods
    .filter((method) => matchRoute(table, hostname, path, method, fields) >= 0)
    .toSorted()
}
