import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { isAlive, until } from '../../harness/backplane.ts'
import { startProgram, type Program, type Started } from '../harness/programs.ts'

/** Debian's. */
export const POSTGRES_BIN = '/usr/lib/postgresql/15/bin'
export const PATRONI = '/usr/bin/patroni'

/** Patroni's smallest: the session has half of it, and lives for twice that. */
export const TTL_S = 20

/** One PostgreSQL with its Patroni. */
export interface PatroniNode {
  readonly name: string
  /** 200 where it is the leader and holds the lock, else 503; 0: nobody answers. */
  askPrimary(): Promise<number>
  /** The value that the table has here, '' where it cannot be asked. */
  query(sql: string): string
  /** `kill -9` of both, and resolves when they are gone. */
  kill(): Promise<void>
  start(): void
}

/** Makes folders and ports for a node; nothing runs yet. The test's end ends what runs then. */
export async function createNode(
  t: TestContext,
  name: string,
  consul: string,
): Promise<PatroniNode> {
  const folder = mkdtempSync(join(tmpdir(), `backplane-patroni-${name}-`))
  const [rest, port] = [await freePort(), await freePort()]
  const file = join(folder, 'patroni.yml')
  mkdirSync(join(folder, 'sockets'))
  writeFileSync(file, configOf({ name, consul, rest, port, folder }))
  const isRoot = userInfo().uid === 0
  // PostgreSQL refuses to run as root.
  if (isRoot) execFileSync('chown', ['-R', 'postgres:', folder])
  const as = (command: string, ...args: string[]): Program =>
    isRoot
      ? { command: 'runuser', args: ['-u', 'postgres', '--', command, ...args], env: {} }
      : { command, args, env: {} }
  let running: Started | undefined
  const end = async (signal: 'SIGKILL' | 'SIGQUIT'): Promise<void> => {
    running?.kill('SIGKILL')
    await running?.ended
    const postmaster = postmasterOf(folder)
    if (postmaster === 0) return
    try {
      process.kill(postmaster, signal)
    } catch {
      return
    }
    await until(() => !isAlive(postmaster), 'the end of PostgreSQL')
  }
  t.after(async () => {
    // SIGQUIT: it takes its shared memory with it.
    await end('SIGQUIT')
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    name,
    askPrimary: () => askPrimary(rest),
    query: (sql) => query(port, sql),
    kill: () => end('SIGKILL'),
    start() {
      running = startProgram(t, as(PATRONI, file))
    },
  }
}

async function askPrimary(port: number): Promise<number> {
  try {
    const options = { signal: AbortSignal.timeout(2_000) }
    return (await fetch(`http://127.0.0.1:${port}/primary`, options)).status
  } catch {
    return 0
  }
}

function query(port: number, sql: string): string {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-Atqc', sql]
  try {
    return execFileSync(join(POSTGRES_BIN, 'psql'), args, {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

/** 0: none is known. */
function postmasterOf(folder: string): number {
  const file = join(folder, 'data', 'postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

interface NodeConfig {
  readonly name: string
  readonly consul: string
  readonly rest: number
  readonly port: number
  readonly folder: string
}

function configOf({ name, consul, rest, port, folder }: NodeConfig): string {
  return `
scope: demo
name: ${name}
restapi: { listen: "127.0.0.1:${rest}", connect_address: "127.0.0.1:${rest}" }
consul: { host: "${consul}" }
bootstrap:
  dcs:
    ttl: ${TTL_S}
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 10485760
    postgresql:
      use_pg_rewind: false
      parameters: { max_connections: 20, shared_buffers: 16MB, fsync: "off" }
  initdb: [{ encoding: UTF8 }]
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
postgresql:
  listen: "127.0.0.1:${port}"
  connect_address: "127.0.0.1:${port}"
  data_dir: ${join(folder, 'data')}
  bin_dir: ${POSTGRES_BIN}
  pgpass: ${join(folder, 'pgpass')}
  authentication:
    superuser: { username: postgres, password: postgres }
    replication: { username: replicator, password: replicator }
  parameters: { unix_socket_directories: ${join(folder, 'sockets')} }
`
}
