import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ToCollector } from '../../contracts/supervisor.ts'
import { OutputFeed, GONE_OUTPUTS_MAX, type FedProcess } from './output-feed.ts'
import { createProcessOutput, OUTPUT_LINES_MAX } from './process-output.ts'

/** A feed whose turns the test makes, and processes that it knows. */
function start() {
  const due: (() => void)[] = []
  const known = new Map<string, FedProcess>()
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (_ms: number, run: () => void) => (due.push(run), () => {}),
    every: () => () => {},
    nextTurn: () => () => {},
  }
  const feed = new OutputFeed(clock, (id) => known.get(id))
  const given: ToCollector[] = []
  return {
    feed,
    known,
    given,
    add: (id: string) => {
      const output = createProcessOutput(id)
      known.set(id, { spec: { service: id.split('-')[0]! }, output })
      return (text: string) => {
        output.push('stdout', text, 1)
        feed.linesCame(id)
      }
    },
    connect: () => feed.connect((message) => void given.push(message)),
    turn: () => {
      for (const run of due.splice(0)) run()
      return given
        .splice(0)
        .map(({ lines, dropped }) => [
          ...lines.map(({ service, text }) => `${service} ${text}`),
          ...(dropped > 0 ? [`dropped ${dropped}`] : []),
        ])
    },
  }
}

test('one batch at a time, and the next one when it was taken', () => {
  const { feed, add, connect, turn } = start()
  connect()
  const print = add('shop-1')
  print('a')
  print('b')
  assert.deepEqual(turn(), [['shop a', 'shop b']])
  print('c')
  assert.deepEqual(turn(), [])
  feed.taken()
  assert.deepEqual(turn(), [['shop c']])
})

test('what was not taken is given to the next life again, and nothing that was', () => {
  const { feed, add, connect, turn } = start()
  const print = add('shop-1')
  print('before anybody listens')
  connect()
  assert.deepEqual(turn(), [['shop before anybody listens']])
  feed.taken()
  print('lost')
  assert.deepEqual(turn(), [['shop lost']])
  feed.disconnect()
  print('meanwhile')
  connect()
  assert.deepEqual(turn(), [['shop lost', 'shop meanwhile']])
})

test('what a ring has dropped is counted', () => {
  const { add, connect, turn, feed } = start()
  const print = add('shop-1')
  for (let line = 0; line < OUTPUT_LINES_MAX + 5; line++) print(String(line))
  connect()
  const [batch] = turn()
  assert.equal(batch?.at(-1), 'dropped 5')
  assert.equal(batch?.[0], 'shop 5')
  feed.taken()
})

test('the last lines of a process that is forgotten still come; too many of them are given up', () => {
  const { feed, known, add, connect, turn } = start()
  for (let at = 0; at < GONE_OUTPUTS_MAX + 3; at++) {
    const print = add(`p${at}-1`)
    print('last words')
    known.delete(`p${at}-1`)
  }
  const print = add('shop-1')
  print('x')
  connect()
  const [batch] = turn()
  assert.equal(batch?.filter((line) => line.endsWith('last words')).length, GONE_OUTPUTS_MAX)
  assert.equal(batch?.at(-1), 'dropped 3')
  feed.taken()
  assert.deepEqual(turn(), [])
})
