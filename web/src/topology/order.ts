/** The order inside the layers (barycentres, the best of several sweeps), and the places across them. Pure and deterministic. */

/** An edge between two neighbouring layers; ends are nodes or the bends of longer edges. */
export interface Link {
  readonly from: string
  readonly to: string
}

const SWEEPS = 12

/** Reorders each layer so that few links cross. */
export function orderLayers(
  layers: readonly (readonly string[])[],
  links: readonly Link[],
): readonly (readonly string[])[] {
  const neighbours = neighboursOf(links)
  let current = layers
  let best = layers
  let bestCrossings = countCrossings(layers, links)
  for (let sweep = 0; sweep < SWEEPS && bestCrossings > 0; sweep += 1) {
    current = sweepOnce(current, neighbours, sweep % 2 === 0)
    const crossings = countCrossings(current, links)
    if (crossings < bestCrossings) {
      best = current
      bestCrossings = crossings
    }
  }
  return best
}

/** How many pairs of links cross, for this order of the layers. */
export function countCrossings(
  layers: readonly (readonly string[])[],
  links: readonly Link[],
): number {
  const position = positionsOf(layers)
  const layerOf = new Map(layers.flatMap((layer, index) => layer.map((id) => [id, index] as const)))
  let crossings = 0
  for (const [index, a] of links.entries()) {
    for (const b of links.slice(index + 1)) {
      if (layerOf.get(a.from) !== layerOf.get(b.from)) continue
      const starts = (position.get(a.from) ?? 0) - (position.get(b.from) ?? 0)
      const ends = (position.get(a.to) ?? 0) - (position.get(b.to) ?? 0)
      if (starts * ends < 0) crossings += 1
    }
  }
  return crossings
}

/**
 * Centres of a layer's boxes, as near to the desired ones as the order and the gap allow (least squares, by pooling
 * adjacent violators).
 */
export function placeInOrder(
  desired: readonly number[],
  heights: readonly number[],
  gap: number,
): readonly number[] {
  const offsets: number[] = []
  for (const [index, height] of heights.entries()) {
    const before = heights[index - 1]
    offsets.push(before === undefined ? 0 : (offsets[index - 1] ?? 0) + (before + height) / 2 + gap)
  }
  const blocks: { sum: number; count: number }[] = []
  for (const [index, wanted] of desired.entries()) {
    let block = { sum: wanted - (offsets[index] ?? 0), count: 1 }
    for (
      let last = blocks.at(-1);
      last !== undefined && mean(last) > mean(block);
      last = blocks.at(-1)
    ) {
      block = { sum: last.sum + block.sum, count: last.count + block.count }
      blocks.pop()
    }
    blocks.push(block)
  }
  const settled = blocks.flatMap((block) => Array.from({ length: block.count }, () => mean(block)))
  return settled.map((value, index) => value + (offsets[index] ?? 0))
}

/** Centres across the layers, drawn towards their neighbours. */
export function placeAcross(
  layers: readonly (readonly string[])[],
  links: readonly Link[],
  heightOf: (id: string) => number,
  gap: number,
): ReadonlyMap<string, number> {
  const { before, after } = neighboursOf(links)
  const centres = new Map<string, number>()
  for (const layer of layers) {
    const heights = layer.map(heightOf)
    for (const [index, y] of placeInOrder(
      layer.map(() => 0),
      heights,
      gap,
    ).entries()) {
      centres.set(layer[index] ?? '', y)
    }
  }
  for (let round = 0; round < SWEEPS; round += 1) {
    const forward = round % 2 === 0
    for (const layer of forward ? layers : layers.toReversed()) {
      const sides = round < SWEEPS - 2 ? [forward ? before : after] : [before, after]
      const desired = layer.map((id) => {
        const near = sides.flatMap((side) => side.get(id) ?? [])
        return near.length === 0
          ? (centres.get(id) ?? 0)
          : average(near.map((other) => centres.get(other) ?? 0))
      })
      const placed = placeInOrder(desired, layer.map(heightOf), gap)
      for (const [index, id] of layer.entries()) centres.set(id, placed[index] ?? 0)
    }
  }
  return centres
}

interface Neighbours {
  readonly before: ReadonlyMap<string, readonly string[]>
  readonly after: ReadonlyMap<string, readonly string[]>
}

function neighboursOf(links: readonly Link[]): Neighbours {
  const before = new Map<string, string[]>()
  const after = new Map<string, string[]>()
  for (const { from, to } of links) {
    before.set(to, [...(before.get(to) ?? []), from])
    after.set(from, [...(after.get(from) ?? []), to])
  }
  return { before, after }
}

function sweepOnce(
  layers: readonly (readonly string[])[],
  neighbours: Neighbours,
  forward: boolean,
): readonly (readonly string[])[] {
  const near = forward ? neighbours.before : neighbours.after
  const position = positionsOf(layers)
  const sorted = layers.map(() => [] as readonly string[])
  const indexes = layers.map((_, index) => index)
  for (const index of forward ? indexes : indexes.toReversed()) {
    const layer = layers[index] ?? []
    const weight = (id: string): number => {
      const others = near.get(id) ?? []
      if (others.length === 0) return position.get(id) ?? 0
      return average(others.map((other) => position.get(other) ?? 0))
    }
    const ordered = layer.toSorted(
      (a, b) => weight(a) - weight(b) || (position.get(a) ?? 0) - (position.get(b) ?? 0),
    )
    for (const [place, id] of ordered.entries()) position.set(id, place)
    sorted[index] = ordered
  }
  return sorted
}

function positionsOf(layers: readonly (readonly string[])[]): Map<string, number> {
  return new Map(layers.flatMap((layer) => layer.map((id, index) => [id, index] as const)))
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function mean(block: { readonly sum: number; readonly count: number }): number {
  return block.sum / block.count
}
