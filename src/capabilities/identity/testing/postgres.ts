import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A PostgreSQL of its own, in a temporary folder, on a free port of loopback; it refuses to run as root, so it runs as `postgres` then. */
export interface TestPostgres {
  /** URL of an empty database with this name. */
  database(name: string): string
  stop(): Promise<void>
}

/** Undefined where Debian's package is not installed. Throws where it is, and does not start. */
export async function startTestPostgres(port?: number): Promise<TestPostgres | undefined> {
  const bin = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1)
  if (bin === undefined || !existsSync(join(bin, 'initdb'))) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'backplane-postgres-'))
  const { uid, gid } = serverUser()
  chownSync(folder, uid, gid)
  const as = { uid, gid, cwd: folder }
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'backplane', '--no-sync'], as)
  const at = port ?? (await freePort())
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', String(at), '-h', '127.0.0.1', '-k', folder],
    { ...as, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  for await (const line of createInterface({ input: server.stderr })) {
    if (line.includes('ready to accept connections')) break
  }
  server.stderr.resume()
  return {
    database(name) {
      execFileSync(
        join(bin, 'createdb'),
        ['-h', '127.0.0.1', '-p', String(at), '-U', 'backplane', name],
        as,
      )
      return `postgres://backplane@127.0.0.1:${at}/${name}`
    },
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      const ended = once(server, 'exit')
      // SIGQUIT: at once, nobody wants what is in there.
      server.kill('SIGQUIT')
      await ended
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function serverUser(): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = userInfo()
  if (uid !== 0) return { uid, gid }
  const read = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: read('-u'), gid: read('-g') }
}

/** One of loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address !== null ? address.port : 0
}
