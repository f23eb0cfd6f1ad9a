import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../discovery/testdata/ground.ts'
import { BLOCKS_MAX, SourceLimit, type Verdict } from './source-limit.ts'

const many = (limit: SourceLimit, address: string, count: number): readonly Verdict[] =>
  Array.from({ length: count }, () => limit.judge(address))

test('a block of addresses gets its rate; of what is more, every second one is told to use TCP', () => {
  const clock = new FakeClock(5_000)
  const limit = new SourceLimit(clock, 10)
  assert.deepEqual(new Set(many(limit, '192.0.2.1', 5)), new Set(['answer']))
  assert.deepEqual(new Set(many(limit, '192.0.2.99', 5)), new Set(['answer']))
  assert.deepEqual(many(limit, '192.0.2.1', 4), ['truncate', 'drop', 'truncate', 'drop'])
  assert.equal(limit.judge('192.0.3.1'), 'answer', 'another block')
  clock.advance(100)
  assert.deepEqual(many(limit, '192.0.2.7', 2), ['answer', 'truncate'])
  clock.advance(60_000)
  assert.equal(many(limit, '192.0.2.1', 11).filter((one) => one === 'answer').length, 10)
})

test('blocks of IPv6 are networks; mapped addresses are IPv4', () => {
  const limit = new SourceLimit(new FakeClock(), 1)
  assert.equal(limit.judge('2001:db8:0:ff00::1'), 'answer')
  assert.notEqual(limit.judge('2001:db8:0:ff01::2'), 'answer')
  assert.equal(limit.judge('2001:db8:1::1'), 'answer')
  assert.equal(limit.judge('::ffff:192.0.2.1'), 'answer')
  assert.notEqual(limit.judge('192.0.2.2'), 'answer')
})

test('this machine has no limit, and 0 is none', () => {
  const limit = new SourceLimit(new FakeClock(), 1)
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.deepEqual(new Set(many(limit, address, 50)), new Set(['answer']))
  }
  limit.configure(0)
  assert.deepEqual(new Set(many(limit, '192.0.2.1', 50)), new Set(['answer']))
})

test('memory is bounded: the block that asked longest ago is forgotten', () => {
  const limit = new SourceLimit(new FakeClock(), 1)
  const of = (at: number): string => `10.${at >> 8}.${at & 255}.1`
  for (let at = 0; at <= BLOCKS_MAX; at++) assert.equal(limit.judge(of(at)), 'answer')
  assert.notEqual(limit.judge(of(1)), 'answer')
  assert.equal(limit.judge(of(0)), 'answer', 'it was forgotten')
})
