import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const ATTEMPT_TIMEOUT_MS = 500

const config = `
name: faults
listen: { default: off, gateway: 0, console: 0 }
services:
  echo:
    run: node ${echo}
    instances: 4
    env: { COUNT_FILE: counted.txt }
    restart: { backoff: { min: 100ms } }
    health: { http: /health, interval: 200ms, timeout: 300ms, unhealthy: 2 }
    resilience: { attemptTimeout: ${ATTEMPT_TIMEOUT_MS}ms, timeout: 5s, retry: { attempts: 3, reserve: 100/s }, ejection: { failures: 3, base: 1s } }
gateway:
  routes: [{ path: /**, to: echo }]
`

test('an instance is killed, another one frozen, both return: no GET fails and no POST is executed twice', async () => {
  await using backplane = await startBackplane({ config })
  const url = backplane.gateway
  const gets = startLoad({ url: `${url}/get?bytes=5000`, connections: 64 })
  let posted = 0
  const posts = startLoad({
    url,
    method: 'POST',
    connections: 4,
    path: () => `/count?id=p${posted++}`,
    pauseMs: 5,
  })
  await gets.more(2_000)

  const [first = 0, second = 0] = await pidsOf(backplane)
  process.kill(first, 'SIGKILL')
  await gets.more(2_000)
  process.kill(second, 'SIGSTOP')
  await gets.more(4_000)
  await until(
    async () => (await pidsOf(backplane)).filter((pid) => pid !== second).length === 3,
    'the killed one is back',
  )
  process.kill(second, 'SIGCONT')
  await until(async () => (await pidsOf(backplane)).length === 4, 'the frozen one is back')
  await gets.more(2_000)

  const outcomes = await gets.stop()
  const posting = await posts.stop()
  const failed = outcomes.filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
  const slowest = Math.max(...outcomes.map((one) => one.durationMs))
  assert.ok(slowest < ATTEMPT_TIMEOUT_MS * 2 + 500, `the slowest GET took ${slowest} ms`)
  const counted = readFileSync(join(backplane.folder, 'counted.txt'), 'utf8').trim().split('\n')
  assert.equal(new Set(counted).size, counted.length, 'a POST was executed twice')
  const answered = posting.filter((one) => one.status === 200).length
  assert.ok(counted.length >= answered, 'a POST was answered but not executed')
})

async function pidsOf(backplane: Running): Promise<number[]> {
  const status = (await (await fetch(`${backplane.admin}/api/v1/status`)).json()) as {
    services: { instances: { isRoutable: boolean; process: { pid: number } }[] }[]
  }
  return (status.services[0]?.instances ?? [])
    .filter((one) => one.isRoutable)
    .map((one) => one.process.pid)
}
