import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { isAlive, startBackplane, until, type Running } from '../../harness/backplane.ts'

/** Backplane with its Consul API. */
export interface ConsulProcess {
  readonly folder: string
  readonly port: number
  readonly url: string
  /** As the clients of HashiCorp want it in CONSUL_HTTP_ADDR. */
  readonly address: string
  readonly admin: string
  /** `kill -9` of all its processes, and resolves when they are gone. */
  kill(): Promise<void>
  /** Starts it again on the same folder and port. */
  restart(): Promise<void>
}

export interface ConsulOptions {
  /** Lines of the section `consul`. */
  readonly section?: readonly string[]
}

/** Starts the real program on a free port and in a new folder; the test's end removes both. */
export async function startConsulProcess(
  t: TestContext,
  { section = [] }: ConsulOptions = {},
): Promise<ConsulProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-consul-'))
  const launch = (port: number): Promise<Running> =>
    startBackplane({
      folder,
      keepFolder: true,
      config: [
        `listen: { default: off, gateway: 0, console: 0, consul: ${port} }`,
        'gateway: { workers: 1 }',
        ...(section.length === 0 ? [] : ['consul:', ...section.map((line) => `  ${line}`)]),
      ].join('\n'),
    })
  let running = await launch(0)
  const port = Number(running.ready.listen['consul']?.split(':').at(-1))
  t.after(async () => {
    await running.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    port,
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    admin: running.admin,
    async kill() {
      const { supervisor, control, data } = running.ready.pids
      // The supervisor first: it would start the others again.
      for (const pid of [supervisor, control, data]) end(pid)
      await until(() => ![supervisor, control, data].some(isAlive), 'the end of all processes')
    },
    async restart() {
      running = await launch(port)
    },
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended with the one before.
  }
}
