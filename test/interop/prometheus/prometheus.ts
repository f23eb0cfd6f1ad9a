import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Debian's Prometheus, running. */
export interface RunningPrometheus extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
}

/** Starts it with a configuration, and resolves when it is ready. */
export async function startPrometheus(
  config: string,
  ...args: readonly string[]
): Promise<RunningPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-prometheus-'))
  writeFileSync(join(folder, 'prometheus.yml'), config)
  const port = await freePort()
  const child: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ready = Promise.withResolvers<void>()
  let output = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.includes('Server is ready to receive web requests')) ready.resolve()
  })
  child.once('exit', (code) => ready.reject(new Error(`prometheus ended with ${code}: ${output}`)))
  await ready.promise
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
