/**
 * From the end of a supervised process to its absence: `node bench/crash.ts`. A blocking query of Consul's API waits on the service, a process is killed with
 * -9, and the answer must come without it. Prints a Markdown table for BENCHMARKS.md.
 */
import { startBackplane, until } from '../test/harness/backplane.ts'
import { barHead, barRow, machineLine, markdownTable, percentile, plainRow } from './measure.ts'

/** Each is killed once: who ends again and again is started later and later. */
const INSTANCES = 60

const service = `
import os, socket
listener = socket.create_server(('127.0.0.1', int(os.environ['PORT'])), backlog=64)
while True:
    listener.accept()[0].close()
`

interface Instance {
  readonly pid: number
  readonly id: string
}

await using backplane = await startBackplane({
  config: `
listen: { default: off, console: 0, consul: 0, gateway: 0 }
services:
  worker: { run: python3 worker.py, instances: ${INSTANCES} }
`,
  files: { 'worker.py': service },
})
const consul = `http://${backplane.ready.listen['consul']}`

/** Who passes, with the index of the answer. */
async function passing(
  index = 0,
): Promise<{ readonly ids: ReadonlySet<string>; readonly index: number }> {
  const answer = await fetch(`${consul}/v1/health/service/worker?passing&index=${index}&wait=60s`)
  const entries = (await answer.json()) as readonly { readonly Service: { readonly ID: string } }[]
  return {
    ids: new Set(entries.map(({ Service }) => Service.ID)),
    index: Number(answer.headers.get('x-consul-index')),
  }
}

async function instances(): Promise<readonly Instance[]> {
  const answer = await fetch(`${backplane.admin}/api/v1/status`)
  const { services } = (await answer.json()) as {
    readonly services: readonly {
      readonly name: string
      readonly instances: readonly {
        readonly id: string
        readonly process: { readonly pid: number }
      }[]
    }[]
  }
  const worker = services.find(({ name }) => name === 'worker')
  return (worker?.instances ?? []).map(({ id, process: { pid } }) => ({ id, pid }))
}

await until(async () => (await passing()).ids.size === INSTANCES, 'all instances', 60_000)
const times: number[] = []
for (const { id, pid } of await instances()) {
  const before = await passing()
  if (!before.ids.has(id)) continue
  let known = before.index
  const gone = (async () => {
    for (;;) {
      const now = await passing(known)
      if (!now.ids.has(id)) return
      known = now.index
    }
  })()
  const from = performance.now()
  process.kill(pid, 'SIGKILL')
  await gone
  times.push(performance.now() - from)
}
const rows = [
  barHead,
  plainRow(
    `kill -9 of a process until a watcher has it, ${times.length} times, p50`,
    `${percentile(times, 0.5).toFixed(1)} ms`,
  ),
  barRow('the same, p99', percentile(times, 0.99), { bar: 20, unit: 'ms' }),
]
process.stdout.write(`${machineLine()}\n\n${markdownTable(rows)}\n`)
