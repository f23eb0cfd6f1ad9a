import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')

/** Concurrency, because what a busy machine makes of a rate is not said. */
const config = `
listen: { default: off, gateway: 0, console: 0 }
services:
  web:
    run: node ${echo}
    instances: { min: 1, max: 4 }
    scale:
      target: { concurrency: 2 }
      every: 1s
      down: { stabilization: 3s }
  plain: { run: node ${echo} }
gateway: { routes: [{ path: /**, to: web }] }
`

async function countOf({ admin }: Running): Promise<number> {
  const status = (await (await fetch(`${admin}/api/v1/status`)).json()) as {
    services: readonly { name: string; instances: readonly { process?: { state: string } }[] }[]
  }
  const instances = status.services.find((one) => one.name === 'web')?.instances ?? []
  return instances.filter((one) => one.process?.state === 'running').length
}

test('load goes out, calm comes in, an operator stands above, control may die; no request fails', async () => {
  await using backplane = await startBackplane({ config })
  const explain = async () => (await runCli(['scale', 'explain', 'web'], backplane.folder)).stdout
  const isAt = (count: number) => async () => (await countOf(backplane)) === count
  const calm = startLoad({ url: `${backplane.gateway}/?ms=200`, connections: 1 })
  await calm.more(10)
  assert.equal(await countOf(backplane), 1)
  const peak = startLoad({ url: `${backplane.gateway}/?ms=200`, connections: 9 })
  await until(isAt(4), 'four instances', 60_000)
  await until(async () => /concurrency: [\d.]+ of 2, asks for \d/.test(await explain()), 'why')
  // A new control plane goes on with what it finds.
  process.kill(backplane.ready.pids.control, 'SIGKILL')
  await until(
    async () => (await explain()).startsWith('web stays at 4: concurrency'),
    'control',
    60_000,
  )
  assert.equal(await countOf(backplane), 4)
  const busy = await peak.stop()
  await until(isAt(1), 'one instance again', 60_000)
  const scaled = await runCli(['scale', 'web', '2'], backplane.folder)
  assert.equal(scaled.code, 0, scaled.stderr)
  await until(isAt(2), 'what the operator says')
  await until(
    async () => (await explain()) === 'web stays at 2: an operator has scaled it to 2\n',
    'that it is told',
  )
  await runCli(['scale', 'web', 'file'], backplane.folder)
  await until(isAt(1), 'the scaler again', 60_000)
  const all = [...busy, ...(await calm.stop())]
  assert.equal(all.filter((one) => one.status !== 200).length, 0, summarize(all))
  const metrics = await (await fetch(`${backplane.admin}/metrics`)).text()
  assert.match(metrics, /backplane_scaling_changes_total\{service="web",direction="down"\} [1-9]/)
  const plain = await runCli(['scale', 'explain', 'plain'], backplane.folder)
  assert.equal(plain.code, 1)
  assert.match(plain.stderr, /ERR_SCALING_NOT_SCALED/)
})
