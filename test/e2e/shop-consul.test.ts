import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until } from '../harness/backplane.ts'

const shop = join(import.meta.dirname, '../../examples/shop')

test('the shop has a service that registers itself through the Consul protocol, and leaves as it came', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-shop-'))
  cpSync(shop, folder, { recursive: true })
  const config = readFileSync(join(shop, 'backplane.yaml'), 'utf8')
  const running = await startBackplane({
    config: `listen: { default: off, gateway: 0, console: 0, consul: 0 }\n${config}`,
    folder,
  })
  t.after(() => running.stop())
  const price = async () => {
    const answer = await fetch(`${running.gateway}/api/shipping/at`)
    return answer.status === 200 ? ((await answer.json()) as { days: number }).days : answer.status
  }
  await until(async () => (await price()) === 1, 'the answer of shipping')
  const consul = running.ready.listen['consul'] ?? ''
  const found = await fetch(`http://${consul}/v1/health/service/shipping?passing`)
  const [entry] = (await found.json()) as { Service: { ID: string } }[]
  assert.equal(entry?.Service.ID, 'shipping-depot-1')
  const scaled = await fetch(`${running.admin}/api/v1/services/depot/scale`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: 0 }),
  })
  assert.ok(scaled.ok, await scaled.text())
  await until(
    async () =>
      (await (await fetch(`http://${consul}/v1/health/service/shipping`)).text()) === '[]',
    'shipping to be deregistered',
  )
  assert.equal(await price(), 503)
})
