import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Found } from '../../api/logs.ts'
import { waterfallOf } from './waterfall.ts'

function span(id: string, parent: string, time: number, ms: number): Found {
  const base = { service: 's', instance: '', source: 'otlp', trace: 't', attributes: {}, name: id }
  return { ...base, span: id, parent, time: time * 1_000, seq: time, duration: ms * 1e6 }
}

test('children stand below their parents; the critical path is what was waited for', () => {
  const rows = waterfallOf([
    span('late', 'root', 60, 40),
    span('root', '', 0, 100),
    span('side', 'root', 5, 20),
    span('early', 'root', 0, 50),
    span('inner', 'early', 10, 35),
  ])
  assert.deepEqual(
    rows.map((row) => [row.span.name, row.depth, row.isCritical]),
    [
      ['root', 0, true],
      ['early', 1, true],
      ['inner', 2, true],
      ['side', 1, false],
      ['late', 1, true],
    ],
  )
  assert.deepEqual([rows[0]?.start, rows[0]?.width], [0, 1])
  assert.deepEqual([rows[4]?.start, rows[4]?.width], [0.6, 0.4])
})

test('spans without their parents, and circles, are shown as well', () => {
  const rows = waterfallOf([span('a', 'b', 0, 1), span('b', 'a', 0, 1), span('c', 'gone', 0, 1)])
  assert.deepEqual(rows.map((row) => String(row.span.name)).toSorted(), ['a', 'b', 'c'])
  assert.deepEqual(waterfallOf([]), [])
})
