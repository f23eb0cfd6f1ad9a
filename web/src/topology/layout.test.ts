import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { curvePath, LABEL_HEIGHT, LABEL_WIDTH, placeLabels } from './curve.ts'
import type { GraphEdge } from './graph.ts'
import type { Layout } from './layout.ts'
import { layoutGraph, NODE_HEIGHT, NODE_WIDTH } from './layout.ts'
import { countCrossings, orderLayers, placeInOrder } from './order.ts'

const edgesFrom = (pairs: readonly (readonly [string, string])[]): GraphEdge[] =>
  pairs.map(([from, to]) => ({ id: `${from}>${to}`, from, to }))

const graph = fc.integer({ min: 1, max: 14 }).chain((size) => {
  const id = fc.integer({ min: 0, max: size }).map((index) => (index === 0 ? '' : `s${index}`))
  return fc.record({
    ids: fc.constant(['', ...Array.from({ length: size }, (_, index) => `s${index + 1}`)]),
    pairs: fc.uniqueArray(fc.tuple(id, id), { maxLength: 40, selector: (pair) => pair.join('>') }),
  })
})

test('callers stand to the left of what they call', () => {
  const layout = layoutGraph(
    ['', 'a', 'b', 'c'],
    edgesFrom([
      ['', 'a'],
      ['a', 'b'],
      ['', 'b'],
      ['b', 'c'],
    ]),
    '',
  )
  const x = (id: string): number => layout.nodes.get(id)?.x ?? -1
  assert.ok(x('') < x('a') && x('a') < x('b') && x('b') < x('c'))
  assert.equal(layout.edges.get('>b')?.length, 4, 'the edge over a layer has a bend to run past it')
})

test('any graph, also with cycles: every node once, no overlap, every edge but self-calls, ends at its nodes', () => {
  fc.assert(
    fc.property(graph, ({ ids, pairs }) => {
      const layout = layoutGraph(ids, edgesFrom(pairs), '')
      assert.deepEqual([...layout.nodes.keys()].toSorted(), ids.toSorted())
      assertNoOverlap(layout)
      for (const [from, to] of pairs) assertEnds(layout, from, to)
    }),
  )
})

test('the order in which services and edges are named does not matter', () => {
  fc.assert(
    fc.property(graph, ({ ids, pairs }) => {
      const one = layoutGraph(ids, edgesFrom(pairs), '')
      const other = layoutGraph(ids.toReversed(), edgesFrom(pairs.toReversed()), '')
      assert.deepEqual(sortedNodes(one), sortedNodes(other))
    }),
  )
})

test('a crossing that can be avoided is avoided', () => {
  const links = [
    { from: 'a', to: 'y' },
    { from: 'b', to: 'x' },
  ]
  const layers = [
    ['a', 'b'],
    ['x', 'y'],
  ]
  assert.equal(countCrossings(layers, links), 1)
  assert.equal(countCrossings(orderLayers(layers, links), links), 0)
})

test('boxes are placed in order, apart, and as near to their wish as that allows', () => {
  assert.deepEqual(placeInOrder([0, 100], [10, 10], 5), [0, 100])
  assert.deepEqual(placeInOrder([50, 50], [10, 10], 10), [40, 60])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 1 }), (desired) => {
      const placed = placeInOrder(
        desired,
        desired.map(() => 20),
        4,
      )
      for (const [index, y] of placed.slice(1).entries())
        assert.ok(y - (placed[index] ?? 0) >= 24 - 1e-6)
    }),
  )
})

test('labels of a fan do not cover each other', () => {
  const pairs = ['a', 'b', 'c', 'd', 'e'].map((id) => ['', id] as const)
  const layout = layoutGraph(['', 'a', 'b', 'c', 'd', 'e'], edgesFrom(pairs), '')
  const labels = [...placeLabels(layout.edges).values()]
  assert.equal(labels.length, 5)
  for (const [index, a] of labels.entries()) {
    for (const b of labels.slice(index + 1)) {
      assert.ok(Math.abs(a.x - b.x) >= LABEL_WIDTH || Math.abs(a.y - b.y) >= LABEL_HEIGHT)
    }
  }
})

test('a path is a curve over each gap and a line past each layer', () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 4 },
    { x: 20, y: 4 },
    { x: 30, y: 8 },
  ]
  assert.equal(curvePath(points), 'M 0 0 C 5 0, 5 4, 10 4 L 20 4 C 25 4, 25 8, 30 8')
})

function sortedNodes(layout: Layout): unknown {
  return [...layout.nodes].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function assertNoOverlap(layout: Layout): void {
  const corners = [...layout.nodes.values()]
  for (const [index, a] of corners.entries()) {
    for (const b of corners.slice(index + 1)) {
      assert.ok(
        Math.abs(a.x - b.x) >= NODE_WIDTH || Math.abs(a.y - b.y) >= NODE_HEIGHT,
        'two nodes overlap',
      )
    }
  }
}

function assertEnds(layout: Layout, from: string, to: string): void {
  const points = layout.edges.get(`${from}>${to}`)
  if (from === to) return assert.equal(points, undefined)
  for (const [id, point] of [
    [from, points?.[0]],
    [to, points?.at(-1)],
  ] as const) {
    const corner = layout.nodes.get(id)
    assert.ok(corner && point)
    assert.ok(point.x === corner.x || point.x === corner.x + NODE_WIDTH)
    assert.ok(point.y >= corner.y && point.y <= corner.y + NODE_HEIGHT)
  }
}
