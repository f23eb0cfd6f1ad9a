import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isLinearizable, type Recorded } from './checker.ts'
import { keyModel, type KeyOp, type KeyResult } from './key-model.ts'

type Call = Recorded<KeyOp, KeyResult>

const done: KeyResult = { kind: 'done', isDone: true }
const refused: KeyResult = { kind: 'done', isDone: false }
const found = (value: string, index: number, session = '', lockIndex = 0): KeyResult => ({
  kind: 'found',
  value,
  index,
  session,
  lockIndex,
})
const call = (sentMs: number, answeredMs: number, op: KeyOp, result?: KeyResult): Call => ({
  op,
  sentMs,
  answeredMs,
  result,
})
const put = (value: string): KeyOp => ({ kind: 'put', value })
const get: KeyOp = { kind: 'get' }
const acquire = (session: string): KeyOp => ({ kind: 'acquire', session, value: session })

const good: Readonly<Record<string, readonly Call[]>> = {
  'calls that overlap, in either order': [
    call(0, 10, put('a'), done),
    call(0, 10, put('b'), done),
    call(11, 12, get, found('a', 2)),
  ],
  'a write whose answer never came and that was done much later': [
    call(0, 1, put('a'), done),
    call(2, Infinity, put('b')),
    call(3, 4, get, found('a', 1)),
    call(5, 6, get, found('b', 2)),
  ],
  'a write whose answer never came and that was never done': [
    call(0, 1, put('a'), done),
    call(2, Infinity, put('b')),
    call(3, 4, get, found('a', 1)),
  ],
  'a lock that goes from one to the other': [
    call(0, 1, acquire('s'), done),
    call(2, 3, acquire('t'), refused),
    call(4, 5, { kind: 'destroy', session: 's' }, done),
    call(6, 7, acquire('t'), done),
    call(8, 9, get, found('t', 9, 't', 2)),
    call(10, 11, acquire('s'), { kind: 'invalid' }),
  ],
}

const bad: Readonly<Record<string, readonly Call[]>> = {
  'a read of what was overwritten': [
    call(0, 1, put('a'), done),
    call(2, 3, put('b'), done),
    call(4, 5, get, found('a', 1)),
  ],
  'a read that goes back': [
    call(0, 1, put('a'), done),
    call(2, 9, put('b'), done),
    call(3, 4, get, found('b', 2)),
    call(5, 6, get, found('a', 1)),
  ],
  'an acknowledged write that was lost': [
    call(0, 1, put('a'), done),
    call(2, 3, get, { kind: 'missing' }),
  ],
  'a write that was seen and then was not there': [
    call(0, 1, put('a'), done),
    call(2, Infinity, put('b')),
    call(3, 4, get, found('b', 2)),
    call(5, 6, get, found('a', 1)),
  ],
  'two holders': [call(0, 1, acquire('s'), done), call(2, 3, acquire('t'), done)],
  'a session that acquires after its end': [
    call(0, 1, { kind: 'destroy', session: 's' }, done),
    call(2, 3, acquire('s'), done),
  ],
  'two that set on the same index': [
    call(0, 1, put('a'), done),
    call(2, 3, get, found('a', 5)),
    call(4, 9, { kind: 'cas', index: 5, value: 'b' }, done),
    call(4, 9, { kind: 'cas', index: 5, value: 'c' }, done),
  ],
  'a compare-and-set that is refused although nothing has changed': [
    call(0, 1, put('a'), done),
    call(2, 3, get, found('a', 5)),
    call(4, 5, { kind: 'cas', index: 5, value: 'b' }, refused),
  ],
  'an index that goes back': [
    call(0, 1, put('a'), done),
    call(2, 3, get, found('a', 5)),
    call(4, 5, put('b'), done),
    call(6, 7, get, found('b', 4)),
  ],
  'a fencing token that does not rise': [
    call(0, 1, acquire('s'), done),
    call(2, 3, { kind: 'release', session: 's', value: 'r' }, done),
    call(4, 5, acquire('t'), done),
    call(6, 7, get, found('t', 9, 't', 1)),
  ],
}

for (const [name, history] of Object.entries(good)) {
  test(`it passes: ${name}`, () => assert.equal(isLinearizable(history, keyModel), true))
}
for (const [name, history] of Object.entries(bad)) {
  test(`it finds: ${name}`, () => assert.equal(isLinearizable(history, keyModel), false))
}

/** A register, and histories that a real one could have given: each call takes effect somewhere between its two moments. */
const anyCalls = fc.array(
  fc.record({
    isRead: fc.boolean(),
    atMs: fc.double({ min: 0, max: 100, noNaN: true }),
    before: fc.nat(20),
    after: fc.nat(20),
  }),
  { maxLength: 25 },
)

test('what one register has done is linearizable; one stale read more is not', () => {
  fc.assert(
    fc.property(anyCalls, (calls) => {
      const history: Call[] = []
      let value = ''
      let index = 0
      for (const one of calls.toSorted((a, b) => a.atMs - b.atMs)) {
        if (!one.isRead) {
          index++
          value = `v${index}`
        }
        const read: KeyResult = index === 0 ? { kind: 'missing' } : found(value, index)
        const [op, result] = one.isRead ? [get, read] : [put(value), done]
        history.push(call(one.atMs - one.before, one.atMs + one.after, op, result))
      }
      assert.equal(isLinearizable(history, keyModel), true)
      if (index < 2) return
      const newest = call(1_000, 1_001, get, found(value, index))
      const stale = call(1_002, 1_003, get, found('v1', 1))
      assert.equal(isLinearizable([...history, newest], keyModel), true)
      assert.equal(isLinearizable([...history, newest, stale], keyModel), false)
    }),
  )
})
