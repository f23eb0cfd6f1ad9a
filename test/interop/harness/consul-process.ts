import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startProgram, type Started } from './programs.ts'

const program = {
  command: process.execPath,
  args: [join(import.meta.dirname, 'consul-program.ts')],
  env: {},
}

/** A Consul API of ours in a process of its own. */
export interface ConsulProcess {
  readonly folder: string
  readonly port: number
  readonly url: string
  /** As the clients of HashiCorp want it in CONSUL_HTTP_ADDR. */
  readonly address: string
  /** `kill -9`, and resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same folder and port. */
  restart(): Promise<void>
}

export interface ConsulOptions {
  readonly section?: { readonly token?: string; readonly acl?: 'allow' | 'deny' }
}

/** Starts it on a free port and in a new folder; the test's end removes both. */
export async function startConsulProcess(
  t: TestContext,
  { section = {} }: ConsulOptions = {},
): Promise<ConsulProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-consul-'))
  const launch = async (port: number): Promise<{ started: Started; port: number }> => {
    const args = [folder, String(port), JSON.stringify(section)]
    const started = startProgram(t, program, { args })
    const line = await started.line(/^ready \d+$/)
    return { started, port: Number(line.split(' ')[1]) }
  }
  let { started, port } = await launch(0)
  t.after(async () => {
    started.kill('SIGKILL')
    await started.ended
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    port,
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    async kill() {
      started.kill('SIGKILL')
      await started.ended
    },
    async restart() {
      ;({ started, port } = await launch(port))
    },
  }
}
