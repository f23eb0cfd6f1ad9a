import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { labelsOf } from '../../../src/mechanisms/labels/labels.ts'
import { encodeLabels } from '../../../src/mechanisms/remote-write/encode-labels.ts'
import { RequestBuilder } from '../../../src/mechanisms/remote-write/encode-request.ts'
import { compressSnappy } from '../../../src/mechanisms/snappy/snappy.ts'
import { startBackplane, until, type Running } from '../../harness/backplane.ts'
import { hasPrometheus } from './server.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Debian's Prometheus as a receiver, which can be killed and come back with what it had. */
class Receiver implements AsyncDisposable {
  readonly url: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'backplane-receiver-'))
  readonly #port: number
  #child: ChildProcess | undefined

  constructor(port: number) {
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
    writeFileSync(join(this.#folder, 'prometheus.yml'), 'global: {}\n')
  }

  async start(): Promise<void> {
    this.#child = spawn(
      'prometheus',
      [
        `--config.file=${join(this.#folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(this.#folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${this.#port}`,
        '--web.enable-remote-write-receiver',
      ],
      { stdio: 'ignore' },
    )
    await until(
      async () => (await fetch(`${this.url}/-/ready`).catch(() => ({ ok: false }))).ok,
      'the receiver',
    )
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Writes a sample of a series of its own to ours, until it is acknowledged. */
async function write(running: Running, number: number): Promise<void> {
  const builder = new RequestBuilder()
  const double = new Float64Array([number])
  const [low = 0, high = 0] = new Int32Array(double.buffer)
  const labels = labelsOf([
    ['__name__', 'handed'],
    ['n', String(number)],
  ])
  builder.add(encodeLabels(labels), Date.now(), high, low)
  const body = compressSnappy(builder.take()) as Uint8Array<ArrayBuffer>
  const url = `http://${running.ready.listen['prometheus']}/api/v1/write`
  await until(async () => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }
    const response = await fetch(url, { method: 'POST', body, headers }).catch(() => undefined)
    return response?.ok === true
  }, 'the acknowledgement')
}

async function handed(url: string): Promise<readonly number[]> {
  const query = encodeURIComponent('last_over_time(handed[1h])')
  const response = await fetch(`${url}/api/v1/query?query=${query}`)
  const { data } = (await response.json()) as {
    data: { result: { metric: { n: string }; value: [number, string] }[] }
  }
  return data.result
    .filter(({ metric, value }) => metric.n === value[1])
    .map(({ metric }) => Number(metric.n))
}

function telemetryOf(running: Running): number {
  return (running.ready as unknown as { pids: Record<string, number> }).pids['telemetry'] ?? 0
}

test(
  'what was acknowledged arrives at another Prometheus, whoever is killed in between',
  { skip: hasPrometheus() ? false : 'no Prometheus here' },
  async () => {
    await using receiver = new Receiver(await freePort())
    await receiver.start()
    await using running = await startBackplane({
      config: `
listen: { gateway: 0, console: 0, prometheus: 0, default: off }
metrics:
  scrape: { interval: 1s, timeout: 1s }
  remoteWrite: { to: [{ url: '${receiver.url}/api/v1/write', headers: { X-Key: s3cret } }] }
`,
    })
    const count = 60
    let pid = telemetryOf(running)
    for (let number = 0; number < count; number++) {
      await write(running, number)
      if (number === 10 || number === 35) await receiver.kill()
      if (number === 20 || number === 45) {
        process.kill(pid, 'SIGKILL')
        const status = await until(async () => {
          const response = await fetch(`${running.admin}/api/v1/alerts`).catch(() => undefined)
          return response?.ok === true
        }, 'telemetry again')
        assert.ok(status)
        pid = pidOfTelemetry(running)
        assert.ok(pid > 0)
      }
      if (number === 30 || number === 55) await receiver.start()
    }
    const wanted = Array.from({ length: count }, (_, number) => number)
    await until(
      async () => new Set(await handed(receiver.url).catch(() => [])).size === count,
      'all of them',
      60_000,
    ).catch(async (error: unknown) => {
      const got = new Set(await handed(receiver.url))
      assert.deepEqual(
        wanted.filter((number) => !got.has(number)),
        [],
        String(error),
      )
    })
    // Our own series are handed over too, and nothing secret is told.
    const own = await fetch(`${receiver.url}/api/v1/query?query=backplane_processes_running`)
    assert.equal(own.status, 200)
    assert.ok(!running.output().includes('s3cret'))
  },
)

/** The process id of telemetry after it was started again, from its own series. */
function pidOfTelemetry(running: Running): number {
  const { pids } = running.ready
  const children = execFileSync('ps', ['--ppid', String(pids.supervisor), '-o', 'pid=,args='], {
    encoding: 'utf8',
  })
  const line = children.split('\n').find((one) => one.includes('telemetry'))
  return Number(/\d+/.exec(line ?? '')?.[0] ?? 0)
}
