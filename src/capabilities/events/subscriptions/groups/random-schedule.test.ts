import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { appendTo, testEvent } from '../../engines/testing/requests.ts'
import { seededRandom } from '../../testing/clients.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { openTestStore } from '../../testing/open-store.ts'
import { Groups } from './group-registry.ts'
import { GROUP_DEFAULTS, type Delivery, type Membership, type Strategy } from './group-model.ts'

const MAX_RETRIES = 2
const EVENTS = 60

interface Worker {
  readonly membership: Membership
  readonly held: Map<string, Delivery>
}

/** Consumers that come, go, answer, fail and fall silent at random, until everything is handled or parked. */
async function runSchedule(t: TestContext, seed: number, strategy: Strategy): Promise<void> {
  const random = seededRandom(seed)
  const clock = manualClock()
  const { store, tail } = await openTestStore(t, clock)
  const groups = await Groups.open({ store, tail, log: () => {} })
  const settings = {
    ...GROUP_DEFAULTS,
    startFrom: 0,
    strategy,
    maxRetryCount: MAX_RETRIES,
    bufferSize: 15,
    messageTimeoutMs: 1_000,
  }
  await groups.create({ stream: '$ce-s', name: 'g', filter: undefined, settings })
  const group = groups.get('$ce-s', 'g')
  const workers: Worker[] = []
  const acked = new Set<string>()
  const retries = new Map<string, number>()
  const order = new Map<string, number>()
  const inFlight = new Map<string, number>()

  function receive(worker: Worker, delivery: Delivery): void {
    const { id, event, retryCount } = delivery
    assert.ok(!acked.has(id), `seed ${seed}: ${event.revision}@${event.stream} was acknowledged`)
    assert.ok(retryCount <= MAX_RETRIES, `seed ${seed}: ${retryCount} retries`)
    retries.set(id, retryCount)
    worker.held.set(id, delivery)
    if (strategy !== 'Ordered') return
    const other = inFlight.get(event.stream)
    assert.ok(other === undefined || other === event.revision, `seed ${seed}: two of a stream`)
    inFlight.set(event.stream, event.revision)
    const last = order.get(event.stream) ?? -1
    assert.ok(event.revision > last, `seed ${seed}: ${event.revision} after ${last}`)
  }
  const join = async (): Promise<void> => {
    const held = new Map<string, Delivery>()
    const early: Delivery[] = []
    let worker: Worker | undefined
    const membership = await group.join({
      name: 'w',
      slots: 1 + Math.floor(random() * 4),
      push: (delivery) => (worker === undefined ? early.push(delivery) : receive(worker, delivery)),
      dropped() {},
    })
    worker = { membership, held }
    workers.push(worker)
    for (const delivery of early) receive(worker, delivery)
  }
  const settle = (delivery: Delivery): void => {
    if (strategy === 'Ordered') inFlight.delete(delivery.event.stream)
  }
  const step = async (): Promise<void> => {
    const drawn = random()
    if (workers.length === 0 || (drawn < 0.05 && workers.length < 4)) return join()
    const worker = workers[Math.floor(random() * workers.length)]
    if (worker === undefined) return
    if (drawn < 0.08) {
      for (const delivery of worker.held.values()) settle(delivery)
      workers.splice(workers.indexOf(worker), 1)
      return worker.membership.leave()
    }
    if (drawn < 0.12) {
      // Nobody answers any more: when its time is over all of it is somebody else's. No lease begins and ends within one step.
      for (const one of workers) {
        for (const delivery of one.held.values()) settle(delivery)
        one.held.clear()
      }
      return clock.move(900)
    }
    const delivery = worker.held.values().next().value
    if (delivery === undefined) return
    const { id, event } = delivery
    worker.held.delete(id)
    settle(delivery)
    if (drawn < 0.75) {
      acked.add(id)
      order.set(event.stream, event.revision)
      worker.membership.ack([id])
    } else worker.membership.nack([id], drawn < 0.9 ? 'retry' : 'park', 'random')
  }

  for (let n = 0; n < EVENTS; n++) {
    await store.append(appendTo(`s-${Math.floor(random() * 5)}`, 'any', [testEvent()]))
  }
  for (;;) {
    await step()
    await new Promise((resolve) => setImmediate(resolve))
    const { parked, waiting, inFlight: open } = await group.view()
    if (acked.size + parked === EVENTS && waiting + open === 0) break
  }
  const parkedIds = new Set<string>()
  for await (const { event, reason } of group.parked(0)) {
    if (event !== undefined) parkedIds.add(event.id)
    const tried = retries.get(event?.id ?? '') ?? 0
    const isSaid = reason === 'random' || reason.startsWith('held back')
    assert.ok(isSaid || tried === MAX_RETRIES, `seed ${seed}: parked after ${tried}: ${reason}`)
  }
  assert.equal(acked.size + parkedIds.size, EVENTS, `seed ${seed}: each event is handled or parked`)
  await groups.close()
}

for (const strategy of ['RoundRobin', 'Pinned', 'Ordered'] as const) {
  test(`${strategy}: whatever consumers do, each event is handled once it is acknowledged, or parked`, async (t) => {
    for (let round = 0; round < 4; round++) {
      const seed = Math.floor(Math.random() * 1e6)
      t.diagnostic(`seed ${seed}`)
      await runSchedule(t, seed, strategy)
    }
  })
}
