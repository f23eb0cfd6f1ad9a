import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import { AlertmanagerSender } from './alertmanager.ts'

test('an Alertmanager that answers late is told of what holds then, and not of everything since', async () => {
  const held: (() => void)[] = []
  const told: string[][] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      told.push((body as { readonly endsAt: string }[]).map(({ endsAt }) => endsAt))
      held.push(() => void response.writeHead(200).end())
      if (told.length > 1) held.at(-1)!()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const sender = new AlertmanagerSender(systemClock, () => {})
  sender.configure([{ url: `http://127.0.0.1:${port}`, headers: [] }], 'http://localhost')
  const record = {
    fingerprint: 'f',
    labels: [['alertname', 'Down']] as const,
    annotations: [],
    startsAtMs: 0,
    endsAtMs: undefined,
    value: 1,
    expr: 'up == 0',
  }
  const take = (round: number, endsAtMs?: number): void =>
    sender.take([{ ...record, endsAtMs }], {
      rule: 'r',
      atMs: round * 15_000,
      intervalMs: 15_000,
      alerts: [],
    })
  for (let round = 5; round < 200; round++) take(round)
  take(200, 200 * 15_000)
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  held[0]!()
  while (told.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(told[1], [new Date(200 * 15_000).toISOString()])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
