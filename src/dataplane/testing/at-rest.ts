import assert from 'node:assert/strict'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { ATTEMPT, PHASE } from '../exchange/exchange.ts'
import { PLACE } from '../shared/counts.ts'
import type { LocalWorker } from './local-worker.ts'

/** What ends with its clients has this long to do so. */
const REST_MS = 5_000

/**
 * Waits until no request is under way and no client is connected, and asserts that nothing is left of them: counts, places, queues, pooled
 * exchanges. All clients must have left, or be about to.
 */
export async function assertAtRest(gateway: LocalWorker): Promise<void> {
  const { context: ctx } = gateway.worker
  const isBusy = (): boolean =>
    ctx.exchanges.length > 0 || ctx.clients.size > 0 || ctx.rawClients.size > 0
  const untilMs = performance.now() + REST_MS
  while (isBusy() && performance.now() < untilMs) await turnOfLoop()
  // What the last event has queued for others.
  for (let turn = 0; turn < 3; turn++) await turnOfLoop()
  assert.deepEqual(
    ctx.exchanges.map(({ phase, first, second }) => [phase, first.state, second.state]),
    [],
    'exchanges that never end',
  )
  assert.equal(ctx.clients.size + ctx.rawClients.size, 0, 'client connections')
  assert.equal(ctx.counts.total(PLACE.requests), 0, 'count of requests')
  assert.equal(ctx.counts.total(PLACE.connections), 0, 'count of connections')
  assertPool(gateway)
  assertServices(gateway)
  assertTotals(gateway)
}

function assertPool({ worker }: LocalWorker): void {
  const { spareExchanges } = worker.context
  assert.equal(new Set(spareExchanges).size, spareExchanges.length, 'an exchange is pooled twice')
  const records = new Set(spareExchanges.map(({ record }) => record))
  assert.equal(records.size, spareExchanges.length, 'two exchanges share a record')
  for (const { phase, first, second, service, edge, tried } of spareExchanges) {
    assert.equal(phase, PHASE.free)
    assert.deepEqual([service, edge, tried.length], [null, null, 0])
    for (const attempt of [first, second]) {
      const { state, instance, stream, deadlineMs } = attempt
      assert.deepEqual([state, instance, stream], [ATTEMPT.over, null, null])
      assert.equal(deadlineMs, Infinity)
    }
  }
}

function assertServices({ worker }: LocalWorker): void {
  for (const { name, waiting, instances } of worker.context.services.values()) {
    assert.equal(waiting.size, 0, `attempts wait for ${name}`)
    for (const { id, inFlight, connectionCount, idle } of instances.values()) {
      assert.equal(inFlight, 0, `in flight at ${id}`)
      assert.equal(connectionCount, idle.length, `connections of ${id} that nobody has`)
    }
  }
}

/** The rows of removed instances and routes too: what was told last. */
function assertTotals({ worker, said }: LocalWorker): void {
  const values = {
    connections: 0,
    accessLogDropped: 0,
    recordsDropped: 0,
    wallMs: 0,
    monotonicMs: 0,
  }
  const reports = said.filter((message) => message.type === 'totals')
  const inFlight = new Map<string, number>()
  for (const { edges, instances } of [...reports, worker.context.totals.take(values)]) {
    for (const { caller, route, service, inFlight: now } of edges)
      inFlight.set(`edge ${caller} > ${route} > ${service}`, now)
    for (const { service, id, inFlight: now } of instances)
      inFlight.set(`instance ${service} ${id}`, now)
  }
  const left = [...inFlight].filter(([, now]) => now !== 0)
  assert.deepEqual(left, [], 'in flight at the end')
}
