import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NotedEvent, TimelineEvent } from '../../contracts/timeline.ts'
import { EVENT_UNITS_MAX, EventRing, EVENTS_MAX, PER_MINUTE_MAX } from './event-ring.ts'

const noted = (service: string, text = 'x'): NotedEvent => ({
  kind: 'start',
  severity: 'info',
  service,
  instance: '',
  text,
})
const all = () => true

test('newest first, below and above numbers, and numbers go on after a restart', () => {
  const stored: TimelineEvent[] = [{ ...noted('a'), seq: 41, atMs: 1 }]
  const ring = new EventRing(stored, 41)
  for (const name of ['b', 'a', 'c']) ring.add(noted(name), 2)
  const seqs = (bounds: Parameters<EventRing['read']>[1], wanted = all) =>
    ring.read(wanted, bounds).map(({ seq }) => seq)
  assert.deepEqual(seqs({ limit: 3 }), [44, 43, 42])
  assert.deepEqual(seqs({ limit: 9, before: 43 }), [42, 41])
  assert.deepEqual(seqs({ limit: 9, after: 42 }), [44, 43])
  assert.deepEqual(
    ring.read(({ service }) => service === 'a', { limit: 9 }).map(({ seq }) => seq),
    [43, 41],
  )
})

test('a service that flaps is counted, and pushes nobody out', () => {
  const ring = new EventRing([], 0)
  ring.add(noted('calm'), 0)
  for (let i = 0; i < 10_000; i++) ring.add(noted('mad'), 1)
  assert.equal(ring.read(all, { limit: 10_000 }).length, PER_MINUTE_MAX + 2)
  assert.equal(ring.read(all, { limit: 1 })[0]?.kind, 'more')
  ring.add(noted('mad'), 60_001)
  assert.equal(ring.read(all, { limit: 1 })[0]?.kind, 'start')
})

test('bounded in number and in size', () => {
  const many = new EventRing([], 0)
  for (let i = 0; i < EVENTS_MAX * 2; i++) many.add(noted(`s${i}`), 0)
  assert.equal(many.read(all, { limit: Infinity }).length, EVENTS_MAX)
  assert.equal(many.oldest, EVENTS_MAX + 1)
  const large = new EventRing([], 0)
  for (let i = 0; i < 1_000; i++) large.add(noted(`s${i}`, 'y'.repeat(20_000)), 0)
  const units = large.read(all, { limit: Infinity }).reduce((sum, { text }) => sum + text.length, 0)
  assert.ok(units <= EVENT_UNITS_MAX && units > EVENT_UNITS_MAX / 2, `${units}`)
})
