import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FeedMessage, Picture } from '../../src/contracts/feed.ts'
import type { RequestRecord } from '../../src/contracts/snapshot.ts'
import type { SeriesAnswer } from '../../src/contracts/telemetry.ts'
import { isAlive, startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: telemetry
listen: { default: off, gateway: 0, console: 0 }
services:
  echo: { run: node ${echo}, instances: 2, health: { http: /health, interval: 200ms } }
gateway:
  routes: [{ id: all, path: /**, to: echo }]
`

/** A picture that has not come by then will not come. */
const PICTURE_WAIT_MS = 20_000

/** Pid of one of our own processes by its entry; 0 while there is none. */
async function ownPid(backplane: Running, name: string): Promise<number> {
  const { supervisor } = backplane.ready.pids
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')
  for (const pid of children.trim().split(/\s+/).map(Number)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (new RegExp(`/${name}\\.(ts|js)\\0`).test(line)) return pid
  }
  return 0
}

/** Telemetry runs. */
async function telemetryOf(backplane: Running): Promise<void> {
  await until(async () => (await ask(backplane, 'requests')) !== undefined, 'telemetry answers')
}

async function killTelemetry(backplane: Running): Promise<void> {
  const pid = await ownPid(backplane, 'telemetry')
  process.kill(pid, 'SIGKILL')
  await until(() => !isAlive(pid), 'telemetry is gone')
}

async function ask<Answer>(backplane: Running, path: string): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${backplane.admin}/api/v1/telemetry/${path}`)
    return response.status === 200 ? ((await response.json()) as Answer) : undefined
  } catch {
    return undefined
  }
}

/** The first picture that a new console is sent from now on and that is as wanted. */
async function pictureThat(
  backplane: Running,
  isWanted: (picture: Picture) => boolean,
): Promise<Picture> {
  const abort = new AbortController()
  const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(PICTURE_WAIT_MS)])
  try {
    const response = await fetch(`${backplane.admin}/api/v1/feed`, { signal })
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const message = JSON.parse(event.slice('data: '.length)) as FeedMessage
        if (message.type === 'picture' && isWanted(message.picture)) return message.picture
      }
    }
  } finally {
    abort.abort()
  }
  throw new Error('the feed ended without such a picture')
}

test('charts begin before the control plane that was killed', async (t) => {
  await using backplane = await startBackplane({ config })
  await telemetryOf(backplane)
  const load = startLoad({ url: `${backplane.gateway}/x`, connections: 4, pauseMs: 20 })
  t.after(() => load.stop())
  await until(async () => {
    const answer = await ask<SeriesAnswer>(backplane, 'series?by=edge&step=1000')
    return (answer?.series[0]?.points.length ?? 0) >= 4
  }, 'four seconds of traffic')
  const pid = await ownPid(backplane, 'control')
  const killedMs = Date.now()
  process.kill(pid, 'SIGKILL')
  await until(async () => ![0, pid].includes(await ownPid(backplane, 'control')), 'a new control')
  await until(async () => (await ask(backplane, 'requests')) !== undefined, 'the console is there')
  const picture = await pictureThat(backplane, ({ ticks }) => (ticks[0]?.atMs ?? 0) < killedMs)
  const before = picture.ticks.filter(({ atMs }) => atMs < killedMs - 1_000)
  assert.ok(before.length >= 2, `${before.length} ticks from before`)
  const [edge] = before.at(-1)!.edges
  assert.equal(edge!.service, 'echo')
  assert.ok(edge!.requestsPerSecond > 10, String(edge!.requestsPerSecond))
  assert.ok(before.at(-1)!.instances.length > 0)
  const times = picture.ticks.map(({ atMs }) => atMs)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  const failed = (await load.stop()).filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
})

test('telemetry killed under load costs its memory and nothing else', async (t) => {
  await using backplane = await startBackplane({ config })
  await telemetryOf(backplane)
  const load = startLoad({
    url: `${backplane.gateway}/x`,
    connections: 8,
    headers: { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` },
  })
  t.after(() => load.stop())
  await load.more(500)
  const requests = await until(async () => {
    const found = await ask<RequestRecord[]>(backplane, `requests?trace=${'ab'.repeat(16)}&limit=9`)
    return found !== undefined && found.length === 9 ? found : undefined
  }, 'requests in telemetry')
  const [newest] = requests
  assert.deepEqual(
    [newest!.route, newest!.service, newest!.status, newest!.parentSpanId, newest!.protocol],
    ['all', 'echo', 200, 'cd'.repeat(8), 'http/1.1'],
  )
  const pids = [await ownPid(backplane, 'control'), backplane.ready.pids.data]
  for (let round = 0; round < 2; round++) {
    await killTelemetry(backplane)
    await load.more(500)
    await until(async () => {
      const found = await ask<RequestRecord[]>(backplane, 'requests?limit=1')
      const answer = await ask<SeriesAnswer>(backplane, 'series?by=instance&step=1000')
      return found?.length === 1 && (answer?.series.length ?? 0) === 2
    }, 'telemetry knows the newest again')
  }
  assert.deepEqual([await ownPid(backplane, 'control'), backplane.ready.pids.data], pids)
  const failed = (await load.stop()).filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
})

test('telemetry that hangs under load slows nothing, and what waits for it is bounded', async (t) => {
  await using backplane = await startBackplane({ config })
  await telemetryOf(backplane)
  const pid = await ownPid(backplane, 'telemetry')
  const load = startLoad({ url: `${backplane.gateway}/x`, connections: 8 })
  t.after(() => load.stop())
  await load.more(200)
  process.kill(pid, 'SIGSTOP')
  await load.more(2_000)
  process.kill(pid, 'SIGCONT')
  await until(async () => {
    const [newest] = (await ask<RequestRecord[]>(backplane, 'requests?limit=1')) ?? []
    return newest !== undefined && newest.startedAtMs > Date.now() - 5_000
  }, 'telemetry has caught up')
  const failed = (await load.stop()).filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
  assert.equal(await ownPid(backplane, 'telemetry'), pid)
})

test('totals that do not change are still in the metrics after control was killed', async (t) => {
  await using backplane = await startBackplane({ config })
  const load = startLoad({ url: `${backplane.gateway}/x`, connections: 2 })
  t.after(() => load.stop())
  await load.more(50)
  const sent = (await load.stop()).length
  const counted = async (): Promise<number> => {
    try {
      const text = await (await fetch(`${backplane.admin}/metrics`)).text()
      const line = /^backplane_gateway_requests_total\{.*service="echo".*\} (\d+)$/m.exec(text)
      return Number(line?.[1] ?? 0)
    } catch {
      return 0
    }
  }
  await until(async () => (await counted()) === sent, 'the requests are counted')
  const pid = await ownPid(backplane, 'control')
  process.kill(pid, 'SIGKILL')
  await until(async () => ![0, pid].includes(await ownPid(backplane, 'control')), 'a new control')
  await until(async () => (await counted()) === sent, 'the requests are counted still')
})
