/** A directed graph made acyclic and cut into layers: the first half of Sugiyama's method. Pure and deterministic. */

export interface GraphEdge {
  readonly id: string
  readonly from: string
  readonly to: string
}

/** An edge that points from a lower to a higher layer; `isReversed` where the call goes the other way (a cycle). */
export interface ForwardEdge {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly isReversed: boolean
}

/** Turns the edges that close a cycle, and leaves out self-calls. The search begins at `root`, then in the order of `ids`. */
export function breakCycles(
  ids: readonly string[],
  edges: readonly GraphEdge[],
  root: string,
): readonly ForwardEdge[] {
  const outgoing = groupBy(edges, (edge) => edge.from)
  const state = new Map<string, 'open' | 'done'>()
  const forward: ForwardEdge[] = []
  const visit = (id: string): void => {
    state.set(id, 'open')
    for (const edge of outgoing.get(id) ?? []) {
      if (edge.to === id) continue
      const isReversed = state.get(edge.to) === 'open'
      forward.push(
        isReversed
          ? { id: edge.id, from: edge.to, to: edge.from, isReversed }
          : { id: edge.id, from: edge.from, to: edge.to, isReversed },
      )
      if (!state.has(edge.to)) visit(edge.to)
    }
    state.set(id, 'done')
  }
  for (const id of [root, ...ids]) if (!state.has(id)) visit(id)
  return forward
}

/** Longest path from the nodes without callers; those nodes (but `root`) move up to what they call. Ids without an edge are left out. */
export function assignLayers(
  edges: readonly ForwardEdge[],
  root: string,
): ReadonlyMap<string, number> {
  const incoming = groupBy(edges, (edge) => edge.to)
  const outgoing = groupBy(edges, (edge) => edge.from)
  const layers = new Map<string, number>()
  const layerOf = (id: string): number => {
    const known = layers.get(id)
    if (known !== undefined) return known
    const callers = incoming.get(id) ?? []
    const layer = callers.reduce((max, edge) => Math.max(max, layerOf(edge.from) + 1), 0)
    layers.set(id, layer)
    return layer
  }
  for (const edge of edges) layerOf(edge.to)
  for (const [id, layer] of layers) {
    if (layer > 0 || id === root) continue
    const nearest = Math.min(...(outgoing.get(id) ?? []).map((edge) => layers.get(edge.to) ?? 1))
    layers.set(id, nearest - 1)
  }
  return layers
}

/** Rows by key, in the order of their first appearance. */
export function groupBy<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  return groups
}
