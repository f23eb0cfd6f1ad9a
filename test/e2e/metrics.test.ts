import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane, type Running } from '../harness/backplane.ts'

const service = `
import { createServer } from 'node:http'
let hits = 0
createServer((request, response) => {
  hits++
  const text = \`# TYPE hits_total counter\\nhits_total \${hits}\\n\`
  response.setHeader('content-type', 'text/plain; version=0.0.4').end(text)
}).listen(process.env.PORT)
`
const config = `
listen: { gateway: 0, console: 0, prometheus: 0, default: off }
services:
  shop: { run: node shop.mjs, metrics: /metrics }
metrics: { scrape: { interval: 1s, timeout: 1s } }
gateway: { routes: [{ path: /**, to: shop }] }
`

async function query(running: Running, text: string): Promise<readonly [number, string][]> {
  const url = `http://${running.ready.listen['prometheus']}/api/v1/query?query=${encodeURIComponent(text)}`
  const response = await fetch(url)
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
  return data.result.map(({ value }) => value)
}

/** Asks until there is an answer: samples come with the next scrape. */
async function answered(running: Running, text: string): Promise<readonly [number, string][]> {
  for (;;) {
    const result = await query(running, text).catch(() => [])
    if (result.length > 0) return result
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function telemetryPid(running: Running): Promise<number> {
  const { pids } = running.ready as unknown as { pids: Record<string, number> }
  return pids['telemetry'] ?? 0
}

test('services are scraped, our own metrics are stored, and a killed telemetry goes on with what it had', async () => {
  await using running = await startBackplane({ config, files: { 'shop.mjs': service } })
  assert.equal((await fetch(`${running.gateway}/`)).status, 200)
  const [[, up] = []] = await answered(running, 'up{job="shop", instance="shop-1"}')
  assert.equal(up, '1')
  const [[, hits] = []] = await answered(running, 'hits_total > 1')
  assert.ok(Number(hits) >= 2)
  await answered(running, 'backplane_gateway_requests_total{service="shop", status="2xx"} > 0')
  await answered(running, 'backplane_processes_resident_bytes{service="shop"} > 0')
  const [[count] = []] = await answered(running, 'count_over_time(up{job="shop"}[1h]) > 1')

  process.kill(await telemetryPid(running), 'SIGKILL')
  const samples = `count_over_time(up{job="shop"}[1h] @ ${count})`
  const [[, before] = []] = await answered(running, samples)
  assert.ok(Number(before) > 1, 'samples from before the kill are there')
  // It is told its targets again.
  await answered(running, `timestamp(up{job="shop"}) > ${(count ?? 0) + 2}`)
})
