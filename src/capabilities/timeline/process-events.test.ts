import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunningView } from '../processes/api.ts'
import { goneEvent, processEvents, type SeenProcess, seenOf } from './process-events.ts'

function view(process: Partial<RunningView['process']>, isRetiring = false): RunningView {
  const rest = { startedAtMs: 0, restarts: 0, exit: '', lastLines: [], pid: 0 }
  return {
    id: 'a-1',
    address: '',
    isRetiring,
    process: { ...rest, state: 'running', ...process },
  }
}

const texts = (before: SeenProcess | undefined, now: RunningView) =>
  processEvents('a', before, now).map(({ kind, severity, text }) => `${kind} ${severity} ${text}`)

test('a life: started, crashed, started again, crashed three times unseen, given up', () => {
  const first = view({ pid: 7 })
  assert.deepEqual(texts(undefined, first), ['start info started as pid 7'])
  const down = view({ state: 'backing-off', exit: 'exit code 3', lastLines: ['a', 'b'] })
  assert.deepEqual(texts(seenOf(first), down), ['crash error crashed: exit code 3'])
  assert.equal(processEvents('a', seenOf(first), down)[0]?.detail, 'a\nb')
  const again = view({ pid: 8, restarts: 1 })
  assert.deepEqual(texts(seenOf(down), again), ['start info started again (start 2) as pid 8'])
  const later = view({ pid: 11, restarts: 4, exit: 'exit code 3' })
  assert.deepEqual(texts(seenOf(again), later), [
    'crash error crashed 2 times: exit code 3',
    'start info started again (start 5) as pid 11',
  ])
  const over = view({ state: 'exited', restarts: 4, exit: 'exit code 3', isGivenUp: true })
  assert.deepEqual(texts(seenOf(later), over), ['crash error was given up: exit code 3'])
  assert.deepEqual(texts(seenOf(over), over), [], 'the same again is nothing new')
})

test('an end in order is no crash', () => {
  const running = seenOf(view({ pid: 7 }))
  const done = view({ state: 'exited', exit: 'exit code 0' })
  assert.deepEqual(texts(running, done), ['end info ended: exit code 0'])
  const told = view({ state: 'exited', exit: 'ended by SIGTERM' }, true)
  assert.deepEqual(texts(running, told), ['end info ended: ended by SIGTERM'])
  assert.equal(goneEvent('a', 'a-1', seenOf(done)), undefined)
  assert.equal(goneEvent('a', 'a-1', running)?.text, 'was taken away')
})

test('what cannot be started says why, once', () => {
  const failed = view({ state: 'failed', exit: 'a-1 cannot start: there is no file' })
  assert.deepEqual(texts(undefined, failed), [
    'crash error could not be started: a-1 cannot start: there is no file',
  ])
  assert.deepEqual(texts(seenOf(failed), failed), [])
})
