import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSearch } from '../../../mechanisms/log-query/parse.ts'
import { logRecord } from '../testing/records.ts'
import { LiveTail, TAIL_CHARACTERS_MAX, TAIL_WAITING_MAX } from './live-tail.ts'

test('a bulk of any size reaches whoever watches, and no more waits than a slow reader may keep', () => {
  const live = new LiveTail()
  let wakes = 0
  const tail = live.open(parseSearch(''), () => wakes++)
  const count = 200_000
  live.push(Array.from({ length: count }, (_, at) => logRecord({ body: `line ${at}` })))
  const { records, dropped } = tail!.take()
  assert.equal(records.length, TAIL_WAITING_MAX)
  assert.equal(dropped, count - TAIL_WAITING_MAX)
  assert.equal(records.at(-1)?.body, `line ${count - 1}`)
  assert.equal(wakes, 1)
})

test('long records are bounded by their characters, not by their number alone', () => {
  const live = new LiveTail()
  const tail = live.open(parseSearch(''), () => {})
  const body = 'x'.repeat(TAIL_CHARACTERS_MAX / 8)
  for (let at = 0; at < 100; at++) live.push([logRecord({ body, attributes: '' })])
  assert.deepEqual(
    [tail!.take(), tail!.take()].map(({ records, dropped }) => [records.length, dropped]),
    [
      [8, 92],
      [0, 0],
    ],
  )
  live.push([logRecord({ body: 'x'.repeat(2 * TAIL_CHARACTERS_MAX) })])
  assert.equal(tail!.take().records.length, 1)
})
