import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { rm } from 'node:fs/promises'
import { isAlive, runCli, startBackplane, until } from '../harness/backplane.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: killed
listen: { default: off, gateway: 0, console: 0 }
services:
  echo: { run: node ${echo}, instances: 2 }
gateway:
  routes: [{ path: /**, to: echo }]
`

interface Status {
  readonly services: readonly {
    readonly name: string
    readonly wanted: number
    readonly instances: readonly {
      readonly id: string
      readonly process: { readonly pid: number } | null
    }[]
  }[]
}

test('kill -9 of the supervisor: the next start ends what was left, and nothing acknowledged is lost', async () => {
  const first = await startBackplane({ config, keepFolder: true })
  const scaled = await runCli(['scale', 'echo', '3'], first.folder)
  assert.equal(scaled.code, 0, scaled.stderr)
  const put = await fetch(`${first.admin}/api/v1/services/extra/instances/one`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ host: '127.0.0.1', port: 9, ttl: '1h' }),
  })
  assert.ok(put.ok, await put.text())
  const before = await until(async () => {
    const pids = (await statusOf(first.admin)).services.flatMap((one) =>
      one.instances.flatMap((instance) => (instance.process?.pid ? [instance.process.pid] : [])),
    )
    return pids.length === 3 && pids
  }, 'three processes')
  process.kill(first.ready.pids.supervisor, 'SIGKILL')
  await until(() => !isAlive(first.ready.pids.control), 'control follows its supervisor')
  await until(() => !isAlive(first.ready.pids.data), 'data follows its supervisor')
  assert.equal(before.filter(isAlive).length, 3, 'services outlive a killed supervisor')

  await using second = await startBackplane({ config, folder: first.folder })
  assert.deepEqual(before.filter(isAlive), [])
  const status = await statusOf(second.admin)
  assert.equal(status.services.find((one) => one.name === 'echo')?.wanted, 3)
  assert.equal(status.services.find((one) => one.name === 'extra')?.instances.length, 1)
  await second.stop()
  await rm(first.folder, { recursive: true, force: true })
})

test('a second program on the same folder is refused, and says who has it', async () => {
  await using first = await startBackplane({ config })
  const second = await runCli(['up'], first.folder)
  assert.equal(second.code, 3)
  assert.match(second.stderr, new RegExp(`${first.ready.pids.supervisor}`))
  assert.match(second.stderr, /ERR_PROCESSES_DATA_LOCKED/)
})

async function statusOf(admin: string): Promise<Status> {
  return (await (await fetch(`${admin}/api/v1/status`)).json()) as Status
}
