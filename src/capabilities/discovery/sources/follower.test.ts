import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../testdata/ground.ts'
import { Follower } from './follower.ts'
import type { Look, Source, Target } from './source.ts'

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
const target = (id: string): Target => ({ id, host: '10.0.0.1', port: 80 })

/** A source that answers what the test says. */
function start(known: readonly Target[] = []) {
  const clock = new FakeClock(1_000)
  const applied: string[][] = []
  let answer: () => Promise<Look> = () => Promise.reject(new Error('refused'))
  const source: Source = { kind: 'http', place: 'there', look: () => answer() }
  const follower = new Follower({
    service: 'web',
    priority: 0,
    source,
    known,
    emptyAfterMs: 60_000,
    clock,
    random: () => 0.5,
    log: () => {},
    apply: (targets) => void applied.push(targets.map(({ id }) => id)),
  })
  return {
    clock,
    applied,
    follower,
    says: (...ids: string[]) => {
      answer = async () => ({ targets: ids.map(target), againMs: 10_000 })
    },
    fails: (message: string) => (answer = () => Promise.reject(new Error(message))),
    advance: async (ms: number) => {
      for (let left = ms; left > 0; left -= 1_000) {
        clock.advance(Math.min(left, 1_000))
        await settle()
      }
    },
  }
}

test('what changes is applied, what is the same is not', async () => {
  const { follower, applied, says, advance } = start()
  says('a')
  await advance(10_000)
  says('a', 'b')
  await advance(30_000)
  assert.deepEqual(applied, [['a'], ['a', 'b']])
  assert.equal(follower.view().isStale, false)
  await follower.close()
})

test('a source that cannot be reached keeps its last set and is stale, and is asked again with back-off', async () => {
  const { follower, applied, says, fails, advance } = start()
  says('a')
  await advance(5_000)
  fails('connect ECONNREFUSED')
  await advance(600_000)
  assert.deepEqual(applied, [['a']])
  const { isStale, why, targetCount } = follower.view()
  assert.deepEqual([isStale, why, targetCount], [true, 'connect ECONNREFUSED', 1])
  says('b')
  await advance(31_000)
  assert.deepEqual(applied, [['a'], ['b']])
  assert.equal(follower.view().isStale, false)
  await follower.close()
})

test('a sudden nothing counts only after its time', async () => {
  const { follower, applied, says, advance } = start()
  says('a')
  await advance(10_000)
  says()
  await advance(40_000)
  assert.deepEqual(applied, [['a']])
  assert.match(follower.view().why, /names nobody/)
  says('a')
  await advance(11_000)
  assert.equal(follower.view().isStale, false)
  says()
  await advance(72_000)
  assert.deepEqual(applied, [['a'], []])
  assert.equal(follower.view().isStale, false)
  await follower.close()
})

test('what was known before a restart is there at once, and stale until an answer', async () => {
  const { follower, applied, says, advance } = start([target('a')])
  assert.deepEqual(applied, [['a']])
  await advance(1_000)
  assert.equal(follower.view().isStale, true)
  says('a')
  await advance(31_000)
  assert.deepEqual(applied, [['a']])
  assert.equal(follower.view().isStale, false)
  await follower.close()
})

test('a look without an answer ends, and so does one that is closed', async () => {
  const clock = new FakeClock()
  const source: Source = {
    kind: 'http',
    place: 'there',
    look: (_waitMs, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      }),
  }
  const options = { service: 'web', priority: 0, source, known: [], emptyAfterMs: 0, clock }
  const apply = () => assert.fail('nothing was said')
  const follower = new Follower({ ...options, random: () => 0.5, log: () => {}, apply })
  clock.advance(70_000)
  await settle()
  assert.match(follower.view().why, /no answer within/)
  await follower.close()
})

test('more than a source may name is refused with the name of the limit', async () => {
  const { follower, applied, says, advance } = start()
  says(...Array.from({ length: 10_001 }, (_, at) => `t${at}`))
  await advance(3_000)
  assert.match(follower.view().why, /targetsMax/)
  assert.deepEqual(applied, [])
  await follower.close()
})
