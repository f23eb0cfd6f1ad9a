import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../../platform/capability.ts'
import { Deliveries, DELIVERIES_WAITING_MAX, type Delivery } from './deliveries.ts'
import { DeliveryRefusedError } from './delivery-errors.ts'

/** A clock whose waits are over when a test says so. */
class StepClock implements Clock {
  #nowMs = 0
  #due: { atMs: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, callback: () => void): () => void {
    const one = { atMs: this.#nowMs + delayMs, callback }
    this.#due.push(one)
    return () => {
      this.#due = this.#due.filter((other) => other !== one)
    }
  }
  every(): () => void {
    return () => {}
  }
  nextTurn(): () => void {
    return () => {}
  }
  /** Goes to the next wait; false where nobody waits. */
  async step(): Promise<boolean> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    const [next] = this.#due.toSorted((one, other) => one.atMs - other.atMs)
    if (next === undefined) return false
    this.#due = this.#due.filter((one) => one !== next)
    this.#nowMs = next.atMs
    next.callback()
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    return true
  }
}

function message(
  id: string,
  group: string,
): Pick<Delivery, 'id' | 'notification' | 'notifier' | 'kind'> {
  return {
    id,
    kind: 'webhook',
    notifier: 0,
    notification: {
      groupKey: group,
      receiver: 'r',
      groupLabels: [],
      alerts: [],
      truncatedCount: 0,
      externalUrl: '',
    },
  }
}

interface Scene {
  readonly clock: StepClock
  readonly deliveries: Deliveries
  readonly gaveUp: string[]
}

function scene(
  send: (delivery: Delivery) => Promise<void>,
  waiting: readonly Delivery[] = [],
): Scene {
  const clock = new StepClock()
  const gaveUp: string[] = []
  const deliveries = new Deliveries(
    {
      clock,
      random: () => 0.5,
      log: () => {},
      send,
      save: async () => {},
      gaveUp: ({ id }) => void gaveUp.push(id),
    },
    { waiting, lines: [] },
  )
  return { clock, deliveries, gaveUp }
}

test('whatever fails and whenever it ends, each message is delivered, those of a group in their order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ group: fc.constantFrom('a', 'b'), failures: fc.nat(3) }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.array(fc.boolean(), { maxLength: 20 }),
      async (messages, kills) => {
        const left = new Map(messages.map(({ failures }, at) => [String(at), failures]))
        const delivered: string[] = []
        const send = async ({ id }: Delivery): Promise<void> => {
          const failures = left.get(id) ?? 0
          if (failures > 0) {
            left.set(id, failures - 1)
            throw new Error('not now')
          }
          delivered.push(id)
        }
        let now = scene(send)
        await now.deliveries.add(messages.map(({ group }, at) => message(String(at), group)))
        let isGoing = true
        for (const isKilled of [...kills, ...Array.from({ length: 100 }, () => false)]) {
          if (isKilled) {
            const waiting = structuredClone(now.deliveries.waiting)
            now.deliveries.close()
            now = scene(
              send,
              waiting.map((one) => ({ ...one, nextAtMs: 0 })),
            )
            now.deliveries.begin()
          }
          isGoing = await now.clock.step()
          if (!isGoing && now.deliveries.waiting.length === 0) break
        }
        assert.deepEqual(now.deliveries.waiting, [])
        for (const group of ['a', 'b']) {
          const wanted = messages.flatMap((one, at) => (one.group === group ? [String(at)] : []))
          const got = delivered.filter((id) => wanted.includes(id))
          assert.deepEqual([...new Set(got)], wanted)
        }
      },
    ),
  )
})

test('what is refused for good is given up, what asks for a pause gets it', async () => {
  const times: number[] = []
  const { clock, deliveries, gaveUp } = scene(async ({ id }) => {
    if (id === 'bad') throw new DeliveryRefusedError('it answered 404', false)
    times.push(clock.nowMs())
    if (times.length === 1) throw new DeliveryRefusedError('it answered 429', true, 60_000)
  })
  await deliveries.add([message('bad', 'a'), message('slow', 'b')])
  while (await clock.step());
  assert.deepEqual(gaveUp, ['bad'])
  assert.deepEqual(times, [0, 60_000])
  assert.deepEqual(
    deliveries.lines.map(({ id, outcome, attempts }) => [id, outcome, attempts]),
    [
      ['slow', 'delivered', 2],
      ['bad', 'given-up', 1],
    ],
  )
})

test('more messages than may wait, or older ones, are given up and told', async () => {
  const { clock, deliveries, gaveUp } = scene(() => Promise.reject(new Error('never')))
  const all = Array.from({ length: DELIVERIES_WAITING_MAX + 10 }, (_, at) =>
    message(String(at), String(at)),
  )
  await deliveries.add(all)
  assert.equal(gaveUp.length, 10)
  assert.equal(deliveries.waiting.length, DELIVERIES_WAITING_MAX)
  const few = scene(() => Promise.reject(new Error('never')))
  await few.deliveries.add([message('old', 'a')])
  while (few.gaveUp.length === 0) assert.ok(await few.clock.step())
  assert.ok(few.clock.nowMs() > 3 * 86_400_000)
  assert.ok(clock.nowMs() === 0)
})

test('a message that is on its way does not keep those behind it from being given up', async () => {
  const { deliveries, gaveUp } = scene(() => new Promise(() => {}))
  const behind = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => message(String(from + at), 'a'))
  await deliveries.add(behind(0, DELIVERIES_WAITING_MAX))
  // Each call is bounded: where nothing can be given up it would never end.
  await deliveries.add(behind(DELIVERIES_WAITING_MAX, 2))
  assert.deepEqual(gaveUp, ['1', '2'])
  assert.equal(deliveries.waiting.length, DELIVERIES_WAITING_MAX)
  assert.equal(deliveries.waiting[0]?.id, '0')
})
