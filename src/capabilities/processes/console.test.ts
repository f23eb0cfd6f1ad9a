import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { OutputLine } from '../../contracts/supervisor.ts'
import { serveRoutes } from '../../platform/http/testing/serve.ts'
import { configOf, running, startHouse } from './testdata/house.ts'

type OnLines = (lines: readonly OutputLine[], dropped: number) => void | Promise<void>

async function start(t: TestContext) {
  const config = configOf({
    orders: { run: 'node o', instances: 2 },
    migrate: { run: 'm', task: true },
  })
  const follows: { ids: readonly string[]; tail: number; onLines: OnLines; isStopped: boolean }[] =
    []
  const output = {
    follow(what: { processes: readonly string[] }, tail: number, onLines: OnLines) {
      const ids = what.processes
      const one = { ids, tail, onLines, isStopped: false }
      follows.push(one)
      return () => void (one.isStopped = true)
    },
  }
  const house = await startHouse(t, config, { output })
  house.processes.begin(config)
  house.supervisor.says('orders-1', running(41_000))
  return { ...house, follows, ...(await serveRoutes(t, house.part.routes ?? [])) }
}

test('services are moved, within their bounds', async (t) => {
  const { call, told } = await start(t)
  await told()
  assert.equal((await call('/api/v1/services/orders/scale', 'PUT', { instances: 3 })).status, 202)
  assert.deepEqual(await told(), ['start orders-3'])
  for (const body of [{ instances: -1 }, { instances: 1.5 }, {}, { instances: 1001 }]) {
    assert.equal(
      (await call('/api/v1/services/orders/scale', 'PUT', body)).status,
      400,
      JSON.stringify(body),
    )
  }
  for (const [method, path] of [
    ['POST', 'restart'],
    ['POST', 'stop'],
    ['POST', 'start'],
    ['DELETE', 'overrides'],
  ] as const) {
    assert.equal((await call(`/api/v1/services/nobody/${path}`, method)).status, 404, path)
    assert.equal((await call(`/api/v1/services/orders/${path}`, method)).status, 202, path)
  }
})

test('crashes are problems: an error when nobody serves; a stopped service has none', async (t) => {
  const { part, processes, supervisor } = await start(t)
  const exit = { code: 1, signal: null }
  const lastLines = ['at x', 'Error: no database', '']
  supervisor.says('orders-2', { state: 'crash-looping', startAtMs: 9, exit, lastLines })
  assert.deepEqual(
    [...(part.problems?.() ?? [])].map(({ severity, code, instance, text: said }) => [
      severity,
      code,
      instance,
      said,
    ]),
    [
      [
        'error',
        'ERR_PROCESSES_CRASHING',
        'orders-2',
        'orders-2 crashes again and again: exit code 1 · Error: no database',
      ],
    ],
  )
  await processes.stop('orders')
  assert.deepEqual([...(part.problems?.() ?? [])], [])
  const families = [...(part.metrics?.() ?? [])]
  const runningNow = families.find(({ name }) => name === 'backplane_processes_running')
  assert.deepEqual(
    [...(runningNow?.samples ?? [])].map(({ labels, value }) => [labels['instance'], value]),
    [
      ['orders-1', 1],
      ['orders-2', 0],
    ],
  )
})

const line = (seq: number, size = 5): OutputLine => ({
  seq,
  atMs: seq,
  process: 'orders-1',
  stream: 'stdout',
  text: 'x'.repeat(size),
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

test('logs without follow end with the tail, also when it comes in several batches', async (t) => {
  const { open, call, follows } = await start(t)
  assert.equal((await call('/api/v1/services/nobody/logs')).status, 404)
  assert.equal((await call('/api/v1/logs?tail=10001')).status, 400)
  const response = await open('/api/v1/services/orders/logs?tail=1500')
  assert.deepEqual([follows[0]?.ids, follows[0]?.tail], [['orders-1', 'orders-2'], 1500])
  await follows[0]?.onLines(
    Array.from({ length: 1000 }, (_, at) => line(at)),
    0,
  )
  await follows[0]?.onLines(
    Array.from({ length: 500 }, (_, at) => line(at)),
    0,
  )
  const events = (await text(response)).trim().split('\n\n')
  const counts = events.map(
    (event) => (JSON.parse(event.slice(6)) as { lines: unknown[] }).lines.length,
  )
  assert.deepEqual(counts, [1000, 500])
  await until(() => follows[0]?.isStopped === true)
  const silent = await open('/api/v1/logs')
  await follows[1]?.onLines([], 0)
  assert.equal(await text(silent), '', 'nothing was written yet')
})

test('a reader of logs that does not read holds back the next batch; when it leaves, all is released', async (t) => {
  const { open, follows } = await start(t)
  const response = await open('/api/v1/logs?follow=true&tail=0')
  const [one] = follows
  assert.ok(one)
  let taken = 0
  const feed = async (): Promise<void> => {
    while (taken < 1000 && !one.isStopped) {
      await one.onLines([line(taken, 200_000)], 0)
      taken++
    }
  }
  const fed = feed()
  let before = -1
  // Until nothing moves any more: the buffers of both sockets are full.
  for (let quiet = 0; quiet < 200; quiet++) {
    if (taken !== before) quiet = 0
    before = taken
    await turn()
  }
  assert.ok(taken < 1000, `${taken} batches of 200 kB for nobody`)
  response.destroy()
  await until(() => one.isStopped)
  await fed
})
