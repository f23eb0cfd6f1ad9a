import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Debian's Prometheus with blocks made of an exposition. */
export interface PrometheusServer {
  readonly pid: number
  /** Asks the HTTP API and answers what it said. */
  readonly ask: (path: string, parameters: Readonly<Record<string, string>>) => Promise<ApiAnswer>
  readonly stop: () => Promise<void>
}

/** What the HTTP API answers. */
export interface ApiAnswer {
  readonly status: string
  readonly error?: string
  readonly data?: { readonly resultType: string; readonly result: unknown }
}

const program = '/usr/bin/prometheus'
const tool = '/usr/bin/promtool'

/** Whether Prometheus is there. */
export function hasPrometheus(): boolean {
  return existsSync(program) && existsSync(tool)
}

/** Starts Prometheus with the samples of an OpenMetrics text, and waits until it answers. */
export async function startPrometheus(exposition: string): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-prometheus-'))
  const [text, data, config] = ['metrics.txt', 'data', 'prometheus.yml'].map((name) =>
    join(folder, name),
  )
  writeFileSync(text ?? '', exposition)
  writeFileSync(config ?? '', 'global: {}\n')
  const made = spawnSync(tool, [
    'tsdb',
    'create-blocks-from',
    'openmetrics',
    '-q',
    text ?? '',
    data ?? '',
  ])
  if (made.status !== 0) throw new Error(String(made.stderr))
  const port = await freePort()
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  const url = `http://127.0.0.1:${port}`
  await waitUntilReady(url, child)
  return {
    pid: child.pid ?? 0,
    ask: async (path, parameters) => {
      const body = new URLSearchParams(parameters)
      const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body })
      return (await response.json()) as ApiAnswer
    },
    stop: async () => {
      if (child.exitCode === null) {
        child.kill()
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function waitUntilReady(url: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}`)
    const isReady = await fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
