import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until } from '../harness/backplane.ts'

const config = 'listen: { default: off, gateway: 0, console: 0, kurrentdb: 0 }\nevents: {}\n'

/** The pid of the events process, as the supervisor has it in the list of the API. */
async function pidOf(folder: string): Promise<number> {
  const log = readFileSync(join(folder, '.backplane/run/events.log'), 'utf8')
  const pids = [...log.matchAll(/"pid":(\d+)/g)].map((match) => Number(match[1]))
  return pids.at(-1) ?? 0
}

test('events have a process of their own: appended over its port, read over the console too, there after it was killed', async (t) => {
  const running = await startBackplane({ config })
  t.after(() => running[Symbol.asyncDispose]())
  const url = `http://${running.ready.listen['kurrentdb']}/api/v1/events`
  const put = (n: number) =>
    fetch(`${url}/streams/order-1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ events: [{ type: 'placed', data: { n } }] }),
    })
  assert.equal((await put(1)).status, 201)
  const read = async (base: string) => {
    const response = await fetch(`${base}/streams/order-1`)
    const { events = [] } = (await response.json()) as { events?: { data: unknown }[] }
    return events.map(({ data }) => data)
  }
  assert.deepEqual(await read(`${running.admin}/api/v1/events`), [{ n: 1 }])
  const openapi = await fetch(`${running.admin}/openapi.json`).then((answer) => answer.json())
  assert.ok(Object.hasOwn((openapi as { paths: object }).paths, '/api/v1/events/streams/{stream}'))
  process.kill(await pidOf(running.folder), 'SIGKILL')
  await until(async () => {
    const again = await read(url).catch(() => [])
    return again.length === 1
  }, 'it is started again at the same port, with what was acknowledged')
  assert.equal((await put(2)).headers.get('etag'), '"1"')
})

test('without the section there is no process and no listener; with it after a reload there is', async (t) => {
  const running = await startBackplane({ config: config.replace('events: {}\n', '') })
  t.after(() => running[Symbol.asyncDispose]())
  assert.equal(running.ready.listen['kurrentdb'], undefined)
  const listeners = async () => {
    const response = await fetch(`${running.admin}/api/v1/events/streams`)
    return response.status
  }
  assert.equal(await listeners(), 503)
  await running.configure(config)
  await until(async () => (await listeners()) === 200, 'the process is there')
})
