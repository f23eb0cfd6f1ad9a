import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { Clock } from '../capability.ts'
import { systemClock } from '../clock.ts'
import { ASKS_MAX, openSnapshotChannel } from './channel.ts'
import type { ListenerStatus, SnapshotOp } from '../../contracts/snapshot.ts'
import { createSnapshotModel } from './model.ts'
import { createDataState } from './testdata/data-state.ts'
import { startDataServer } from './testdata/data-server.ts'
import { gateway, gone, instance, instanceGone, service, snapshotOps } from './testdata/ops.ts'

async function start(t: TestContext, options: { isSilent?: boolean; clock?: Clock } = {}) {
  const data = await startDataServer(options)
  const logged: string[] = []
  const channel = openSnapshotChannel({
    socketPath: data.socketPath,
    clock: options.clock ?? systemClock,
    log: (level, message) => void logged.push(`${level} ${message}`),
  })
  t.after(async () => {
    channel.close()
    await data.close()
  })
  /** The promise, and whether it is resolved yet. */
  const publish = (...ops: SnapshotOp[]) => {
    const state: { listeners: readonly ListenerStatus[] | undefined; done: Promise<void> } = {
      listeners: undefined,
      done: channel.publish(ops).then((listeners) => void (state.listeners = listeners)),
    }
    return state
  }
  return { data, channel, logged, publish }
}

test('nothing is sent before begin; then one reset with everything', async (t) => {
  const { data, channel, publish } = await start(t)
  const early = publish(service('a', 1), gateway(1))
  const hello = await channel.hello
  assert.equal(hello.workers, 1)
  assert.equal(channel.isConnected, true)
  const late = publish(instance('a', '1', 1))
  await turn()
  await turn()
  assert.deepEqual(data.received, [])
  channel.begin()
  await data.until(() => data.received.length > 0)
  assert.deepEqual(data.received, [
    {
      type: 'update',
      version: 1,
      reset: true,
      ops: [service('a', 1), instance('a', '1', 1), gateway(1)],
    },
  ])
  assert.equal(early.listeners, undefined)
  data.send({
    type: 'applied',
    version: 1,
    listeners: [{ id: 'gateway', host: '::1', port: 8, error: '' }],
  })
  await Promise.all([early.done, late.done])
  assert.deepEqual(early.listeners, [{ id: 'gateway', host: '::1', port: 8, error: '' }])
  assert.deepEqual(late.listeners, early.listeners)
})

test('one update is on its way; what comes meanwhile is folded into the next one', async (t) => {
  const { data, channel, publish } = await start(t)
  channel.begin()
  await data.until(() => data.received.length === 1)
  const waiting = [
    publish(service('a', 1)),
    publish(service('a', 2), instance('a', '1', 1)),
    publish(instanceGone('a', '1')),
    publish(),
  ]
  await turn()
  await turn()
  assert.equal(data.received.length, 1, 'the first one is not acknowledged yet')
  data.acknowledge()
  await data.until(() => data.received.length === 2)
  assert.deepEqual(data.received[1], {
    type: 'update',
    version: 2,
    ops: [service('a', 2), instanceGone('a', '1')],
  })
  assert.ok(
    waiting.every(({ listeners }) => listeners === undefined),
    'version 1 was not theirs',
  )
  // An acknowledgement of something else resolves nothing.
  data.send({ type: 'applied', version: 1, listeners: [] })
  data.send({ type: 'applied', version: 9, listeners: [] })
  const answered = channel.ask({ type: 'why', requestId: 'x' })
  await data.until(() => data.received.length === 3)
  data.send({ type: 'answer', ask: 1, body: 'in order' })
  assert.equal(await answered, 'in order')
  assert.ok(waiting.every(({ listeners }) => listeners === undefined))
  data.acknowledge()
  await Promise.all(waiting.map(({ done }) => done))
})

test('a lost connection is opened again, gets everything, and resolves what was not acknowledged', async (t) => {
  const { data, channel, publish } = await start(t)
  channel.begin()
  await data.until(() => data.received.length === 1)
  data.acknowledge()
  const sent = publish(service('a', 1))
  await data.until(() => data.received.length === 2)
  const asked = channel.ask({ type: 'why', requestId: 'x' })
  data.disconnect()
  assert.equal(await asked, undefined, 'a question does not wait for the next connection')
  assert.equal(channel.isConnected, false)
  assert.equal(await channel.ask({ type: 'why', requestId: 'x' }), undefined)
  const away = publish(instance('a', '1', 1))
  await data.until(() => data.updates().length === 3)
  assert.equal(sent.listeners, undefined)
  assert.deepEqual(data.updates()[2], {
    type: 'update',
    version: 3,
    reset: true,
    ops: [service('a', 1), instance('a', '1', 1)],
  })
  data.acknowledge()
  await Promise.all([sent.done, away.done])
  assert.equal(data.connectionCount, 2)
})

test('versions go on above what data has applied of a former control plane', async (t) => {
  const { data, channel } = await start(t, { isSilent: true })
  channel.begin()
  await data.until(() => data.connectionCount === 1)
  await turn()
  assert.deepEqual(data.received, [], 'data speaks first')
  data.send({ type: 'hello', pid: 1, workers: 2, version: 41, routed: [{ service: 'a', id: '1' }] })
  await data.until(() => data.received.length === 1)
  assert.equal(data.updates()[0]?.version, 42)
  assert.deepEqual((await channel.hello).routed, [{ service: 'a', id: '1' }])
})

test('questions: answered by number, bounded in time and in count', async (t) => {
  const timers = new Set<() => void>()
  const clock: Clock = {
    ...systemClock,
    after(_delayMs, callback) {
      timers.add(callback)
      return () => timers.delete(callback)
    },
  }
  const { data, channel } = await start(t, { clock })
  await channel.hello
  const first = channel.ask({ type: 'why', requestId: 'one' })
  const second = channel.ask({ type: 'recent', limit: 5, onlyFailed: true })
  await data.until(() => data.received.length === 2)
  data.send({ type: 'answer', ask: 99, body: 'nobody asked' })
  data.send({ type: 'answer', ask: 2, body: [] })
  data.send({ type: 'answer', ask: 1, body: { requestId: 'one' } })
  assert.deepEqual(await Promise.all([first, second]), [{ requestId: 'one' }, []])
  assert.equal(timers.size, 0)

  const many = Array.from({ length: ASKS_MAX }, () => channel.ask({ type: 'why', requestId: 'x' }))
  assert.equal(await channel.ask({ type: 'why', requestId: 'one too many' }), undefined)
  for (const expire of timers) expire()
  assert.deepEqual(new Set(await Promise.all(many)), new Set([undefined]))
  await data.until(() => data.received.length === 2 + ASKS_MAX)
  const after = channel.ask({ type: 'why', requestId: 'again' })
  data.send({ type: 'answer', ask: ASKS_MAX + 3, body: 'there is room again' })
  assert.equal(await after, 'there is room again')
})

test('totals and drained instances reach who listens', async (t) => {
  const { data, channel } = await start(t)
  const heard = new Promise<string>((resolve) => {
    let totals = 0
    channel.onTotals(({ atMs }) => (totals = atMs))
    channel.onDrained((of, id, removal) => resolve(`${totals} ${of} ${id} ${removal}`))
  })
  await channel.hello
  const lost = { accessLogDropped: 0, accessLogLost: 0, recordsDropped: 0 }
  const process = { connections: [], requests: [], limited: {}, handshakes: {}, ...lost }
  data.send({ type: 'totals', atMs: 7, edges: [], instances: [], process })
  data.send({ type: 'drained', service: 'a', id: '1', removal: 3 })
  assert.equal(await heard, '7 a 1 3')
})

test('what data says once, before anybody here listens, is told to the first who does', async (t) => {
  const { data, channel } = await start(t)
  await channel.hello
  data.send({ type: 'resilience', reset: true, breakers: [], events: [] })
  data.send({ type: 'answer', ask: 1, body: 'behind it' })
  assert.equal(await channel.ask({ type: 'why', requestId: 'a' }), 'behind it')
  const heard: boolean[] = []
  channel.onResilience(({ reset }) => heard.push(reset === true))
  channel.onResilience(() => assert.fail('the second one got it, too'))
  assert.deepEqual(heard, [true])
})

test('a removal that was not called drained is told again by a reset, until it is', async (t) => {
  const { data, channel, publish } = await start(t)
  const removal: SnapshotOp = { op: 'instance-gone', service: 'a', id: '1', removal: 5 }
  channel.begin()
  await data.until(() => data.received.length === 1)
  data.acknowledge(true)
  await publish(service('a', 1), instance('a', '1', 1)).done
  await publish(removal).done
  data.disconnect()
  const resets = (): number => data.updates().filter((update) => update.reset === true).length
  await data.until(() => resets() === 2)
  assert.deepEqual(data.updates().at(-1)?.ops, [service('a', 1), removal])
  data.send({ type: 'drained', service: 'a', id: '1', removal: 4 })
  data.send({ type: 'drained', service: 'a', id: '1', removal: 5 })
  await new Promise<void>((resolve) =>
    channel.onDrained((_of, _id, last) => last === 5 && resolve()),
  )
  data.disconnect()
  await data.until(() => resets() === 3)
  assert.deepEqual(data.updates().at(-1)?.ops, [service('a', 1)])
})

test('bytes that are no frames end the connection, and the next one works', async (t) => {
  const { data, channel, logged, publish } = await start(t)
  channel.begin()
  await data.until(() => data.received.length === 1)
  const waiting = publish(gone('a'))
  data.sendBytes(Buffer.from([0xff, 0xff, 0xff, 0xff]))
  await data.until(() => data.connectionCount === 2)
  assert.deepEqual(logged, ['error the snapshot channel carries something unreadable'])
  data.acknowledge(true)
  await waiting.done
})

test('whatever is published and whenever the connection breaks, data ends with all of it', async (t) => {
  const steps = fc.oneof(
    { weight: 8, arbitrary: fc.array(snapshotOps, { maxLength: 4 }) },
    { weight: 2, arbitrary: fc.constant('acknowledge' as const) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
    { weight: 1, arbitrary: fc.constant('disconnect' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 30 }), async (sequence) => {
      const data = await startDataServer()
      const channel = openSnapshotChannel({
        socketPath: data.socketPath,
        clock: systemClock,
        log: () => {},
      })
      try {
        const wanted = createDataState()
        const published: Promise<unknown>[] = []
        channel.begin()
        for (const step of sequence) {
          if (step === 'acknowledge') data.acknowledge()
          else if (step === 'disconnect') data.disconnect()
          else if (step === 'turn') await turn()
          else published.push(channel.publish(step))
        }
        await data.until(() => data.updates().length > 0)
        data.acknowledge(true)
        await Promise.all([...published, channel.publish([])])
        const model = createSnapshotModel()
        for (const step of sequence)
          if (typeof step !== 'string') step.forEach((op) => model.apply(op))
        wanted.apply({ type: 'update', version: 1, ops: model.takeAll() })
        assert.deepEqual(data.state.view(), wanted.view())
      } finally {
        channel.close()
        await data.close()
      }
    }),
    { numRuns: 30 },
  )
  t.diagnostic('30 sequences')
})
