import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane, until } from '../harness/backplane.ts'

test('gateway.workers says how many threads serve', async () => {
  await using backplane = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0 }\ngateway: { workers: 3 }\n',
  })
  assert.equal((await fetch(`${backplane.gateway}/nowhere`)).status, 404)
  await until(async () => {
    const metrics = await (await fetch(`${backplane.admin}/metrics`)).text()
    return metrics.match(/^backplane_gateway_connections\{/gm)?.length === 3
  }, 'three workers in the metrics')
})
