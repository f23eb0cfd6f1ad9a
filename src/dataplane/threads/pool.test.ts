import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createBucketMemory } from '../shared/buckets.ts'
import { systemClock } from '../../platform/clock.ts'
import { probePort } from '../listeners/probe.ts'
import { createCountMemory, openKeyedCounts, PLACE } from '../shared/counts.ts'
import { get } from '../testing/setup.ts'
import { OK, readFrom, startAnsweringUpstream } from '../testing/sockets.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from '../testing/specs.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { startWorkerPool } from './pool.ts'

test('a worker that dies is started again; the other one and its connections do not notice', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const { port } = await probePort('127.0.0.1', 0)
  const gateway = gatewaySpec()
  const update: ToWorker = {
    type: 'update',
    version: 1,
    reset: true,
    ops: [
      { op: 'service', service: serviceSpec() },
      { op: 'instance', instance: instanceSpec(upstream.port) },
      { op: 'gateway', gateway },
    ],
    places: new Map(),
    listeners: [{ spec: gateway.listeners[0]!, addresses: ['127.0.0.1'], port }],
  }
  const shared = createCountMemory(2)
  const counts = openKeyedCounts(shared, 0)
  const events = new EventTarget()
  const next = (name: string): Promise<unknown[]> => once(events, name)
  const pool = startWorkerPool({
    workers: 2,
    shared,
    buckets: createBucketMemory({ seed: [1, 2], nowMs: 0 }),
    ticketKeys: () => new Uint8Array(48),
    resilience: new SharedArrayBuffer(0),
    log: () => {},
    clock: systemClock,
    receive: (index, { type }: FromWorker) =>
      void events.dispatchEvent(new Event(`${type} ${index}`)),
    died(index) {
      counts.release(index)
      events.dispatchEvent(new Event(`died ${index}`))
    },
    started: (index) => void pool.send(index, update),
  })
  t.after(() => pool.stop())
  await Promise.all([next('applied 0'), next('applied 1')])
  const clients = Array.from({ length: 32 }, () => {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(get('/1'))
    return { socket, reader: readFrom(socket) }
  })
  await Promise.all(clients.map(({ reader }) => reader.until('ok')))
  assert.equal(counts.total(PLACE.connections), 32)

  const died = next('died 0')
  const back = next('applied 0')
  pool.send(0, {
    type: 'update',
    version: 2,
    reset: false,
    ops: null,
    places: new Map(),
    listeners: undefined,
  } as unknown as ToWorker)
  await died
  const alive = clients.filter(({ socket }) => !socket.destroyed)
  await back
  const survivors = alive.filter(({ socket }) => !socket.readableEnded && !socket.destroyed)
  assert.ok(survivors.length > 0 && survivors.length < 32, `${survivors.length} of 32 live`)
  assert.equal(counts.total(PLACE.connections), survivors.length)
  for (const { socket, reader } of survivors) {
    socket.write(get('/2'))
    await reader.until(/ok[^]*ok/)
  }
})
