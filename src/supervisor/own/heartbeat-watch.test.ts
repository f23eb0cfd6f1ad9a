import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeartbeatWatch, HEARTBEAT_LIMITS } from './heartbeat-watch.ts'

function looksUntilDead(watch: ReturnType<typeof createHeartbeatWatch>, passedMs: number): number {
  for (let looks = 1; looks <= 1_000; looks++) if (watch.look(passedMs) > 0) return looks
  return Infinity
}

test('the first sign of life may take 30 s, each later one 10 s', () => {
  const watch = createHeartbeatWatch(HEARTBEAT_LIMITS)
  assert.equal(looksUntilDead(watch, 1_000), 31)
  watch.heard()
  assert.equal(looksUntilDead(watch, 1_000), 11)
})

test('who is heard between the looks lives for ever', () => {
  const watch = createHeartbeatWatch(HEARTBEAT_LIMITS)
  for (let second = 0; second < 1_000; second++) {
    watch.heard()
    assert.equal(watch.look(1_000), 0)
  }
})

test('a night in which nobody was awake is forgiven', () => {
  const watch = createHeartbeatWatch(HEARTBEAT_LIMITS)
  watch.heard()
  assert.equal(watch.look(8 * 3_600_000), 0)
  assert.equal(looksUntilDead(watch, 1_000), 9)
})
