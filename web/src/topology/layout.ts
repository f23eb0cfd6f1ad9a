/**
 * A layered layout from left to right: clients, the services that they call, the services that those call. The same
 * graph always gets the same picture, whatever the order of its parts. Pure.
 */
import type { ForwardEdge, GraphEdge } from './graph.ts'
import { assignLayers, breakCycles, groupBy } from './graph.ts'
import type { Link } from './order.ts'
import { orderLayers, placeAcross } from './order.ts'

export const NODE_WIDTH = 198
export const NODE_HEIGHT = 62
export const LAYER_GAP = 172
export const ROW_GAP = 26
const BEND_HEIGHT = 16
const PORT_SPREAD_MAX = 36
const PORT_STEP = 13

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Layout {
  /** Upper left corner of each node. */
  readonly nodes: ReadonlyMap<string, Point>
  /** Points of each edge from caller to called: pairs, between which a curve crosses one gap. */
  readonly edges: ReadonlyMap<string, readonly Point[]>
  readonly width: number
  readonly height: number
}

/** Lays out `ids` and the edges between them; `root` stands alone on the left. Nodes without an edge form a grid below. */
export function layoutGraph(
  ids: readonly string[],
  graphEdges: readonly GraphEdge[],
  root: string,
): Layout {
  const sorted = ids.toSorted()
  const edges = breakCycles(
    sorted,
    graphEdges.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    root,
  )
  const layerOf = assignLayers(edges, root)
  const { layers, links, bends } = splitLongEdges(sorted, edges, layerOf)
  const ordered = orderLayers(layers, links)
  const centres = placeAcross(
    ordered,
    links,
    (id) => (layerOf.has(id) ? NODE_HEIGHT : BEND_HEIGHT),
    ROW_GAP,
  )
  const top = Math.min(
    0,
    ...[...centres].map(([id, y]) => y - (layerOf.has(id) ? NODE_HEIGHT : BEND_HEIGHT) / 2),
  )
  const nodes = new Map<string, Point>()
  for (const [id, layer] of layerOf) {
    nodes.set(id, { x: xOf(layer), y: Math.round((centres.get(id) ?? 0) - NODE_HEIGHT / 2 - top) })
  }
  const bendY = (id: string): number => Math.round((centres.get(id) ?? 0) - top)
  const paths = routeEdges(edges, nodes, (edge) =>
    (bends.get(edge.id) ?? []).map((bend) => ({ x: xOf(bend.layer), y: bendY(bend.id) })),
  )
  placeLoose(
    sorted.filter((id) => !layerOf.has(id)),
    nodes,
    layers.length,
  )
  const corners = [...nodes.values()]
  return {
    nodes,
    edges: paths,
    width: Math.max(0, ...corners.map((corner) => corner.x + NODE_WIDTH)),
    height: Math.max(0, ...corners.map((corner) => corner.y + NODE_HEIGHT)),
  }
}

interface Bend {
  readonly id: string
  readonly layer: number
}

interface Split {
  readonly layers: readonly (readonly string[])[]
  readonly links: readonly Link[]
  readonly bends: ReadonlyMap<string, readonly Bend[]>
}

/** An edge over several layers gets a bend in each one between, so that it runs between the nodes and not through them. */
function splitLongEdges(
  ids: readonly string[],
  edges: readonly ForwardEdge[],
  layerOf: ReadonlyMap<string, number>,
): Split {
  const layers = Array.from({ length: Math.max(0, ...layerOf.values()) + 1 }, () => [] as string[])
  for (const id of ids) layers[layerOf.get(id) ?? -1]?.push(id)
  const links: Link[] = []
  const bends = new Map<string, Bend[]>()
  for (const edge of edges) {
    const between: Bend[] = []
    for (
      let layer = (layerOf.get(edge.from) ?? 0) + 1;
      layer < (layerOf.get(edge.to) ?? 0);
      layer += 1
    ) {
      const bend = { id: `${edge.id}#${layer}`, layer }
      between.push(bend)
      layers[layer]?.push(bend.id)
    }
    const chain = [edge.from, ...between.map((bend) => bend.id), edge.to]
    for (const [index, from] of chain.slice(0, -1).entries())
      links.push({ from, to: chain[index + 1] ?? '' })
    bends.set(edge.id, between)
  }
  return { layers, links, bends }
}

function routeEdges(
  edges: readonly ForwardEdge[],
  nodes: ReadonlyMap<string, Point>,
  bendsOf: (edge: ForwardEdge) => readonly Point[],
): ReadonlyMap<string, readonly Point[]> {
  const outY = spreadPorts(
    edges,
    (edge) => edge.from,
    (edge) => bendsOf(edge)[0] ?? nodes.get(edge.to),
  )
  const inY = spreadPorts(
    edges,
    (edge) => edge.to,
    (edge) => bendsOf(edge).at(-1) ?? nodes.get(edge.from),
  )
  const paths = new Map<string, readonly Point[]>()
  for (const edge of edges) {
    const from = nodes.get(edge.from) ?? { x: 0, y: 0 }
    const to = nodes.get(edge.to) ?? { x: 0, y: 0 }
    const points = [
      { x: from.x + NODE_WIDTH, y: from.y + NODE_HEIGHT / 2 + (outY.get(edge.id) ?? 0) },
      ...bendsOf(edge).flatMap(({ x, y }) => [
        { x, y },
        { x: x + NODE_WIDTH, y },
      ]),
      { x: to.x, y: to.y + NODE_HEIGHT / 2 + (inY.get(edge.id) ?? 0) },
    ]
    paths.set(edge.id, edge.isReversed ? points.toReversed() : points)
  }
  return paths
}

/** Where on a node's side each edge ends, relative to the middle: sorted by where it comes from, so that they do not cross at once. */
function spreadPorts(
  edges: readonly ForwardEdge[],
  nodeOf: (edge: ForwardEdge) => string,
  otherEnd: (edge: ForwardEdge) => Point | undefined,
): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>()
  for (const group of groupBy(edges, nodeOf).values()) {
    const sorted = group.toSorted((a, b) => (otherEnd(a)?.y ?? 0) - (otherEnd(b)?.y ?? 0))
    const step = Math.min(PORT_STEP, PORT_SPREAD_MAX / Math.max(1, sorted.length - 1))
    for (const [index, edge] of sorted.entries()) {
      offsets.set(edge.id, (index - (sorted.length - 1) / 2) * step)
    }
  }
  return offsets
}

/** Nodes that nobody calls and that call nobody, in rows below the rest. */
function placeLoose(loose: readonly string[], nodes: Map<string, Point>, layerCount: number): void {
  const bottom = Math.max(-ROW_GAP, ...[...nodes.values()].map((corner) => corner.y + NODE_HEIGHT))
  const perRow = Math.max(4, layerCount)
  for (const [index, id] of loose.entries()) {
    const row = Math.floor(index / perRow)
    nodes.set(id, {
      x: (index % perRow) * (NODE_WIDTH + ROW_GAP * 2),
      y: bottom + ROW_GAP * 2 + row * (NODE_HEIGHT + ROW_GAP),
    })
  }
}

function xOf(layer: number): number {
  return layer * (NODE_WIDTH + LAYER_GAP)
}
