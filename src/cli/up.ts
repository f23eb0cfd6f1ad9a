import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runSupervisor } from '../supervisor/supervisor.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import type { Io } from './io.ts'

const spec = {
  name: 'up',
  summary: 'Starts everything that the configuration describes, and stops it in order on Ctrl-C.',
  flags: {
    config: {
      type: 'value',
      short: 'c',
      value: 'FILE',
      description: 'The configuration file.',
      default: 'backplane.yaml',
    },
    env: {
      type: 'value',
      value: 'NAME',
      description: 'Lays backplane.NAME.yaml, beside the file, over it.',
      default: '',
    },
    data: {
      type: 'value',
      value: 'DIR',
      description: 'Folder of all state. Default: .backplane beside the file.',
    },
    json: { type: 'boolean', description: 'Print events as JSON lines; the first one is "ready".' },
  },
  notes: [
    'Exit codes: 0 stopped, 1 cannot run, 2 wrong use, 3 another Backplane has the data folder, 130 killed by a second Ctrl-C.',
  ],
} as const satisfies CommandSpec

/** A path of a Unix socket may have 107 bytes on Linux and 103 on macOS. */
const SOCKET_PATH_BYTES_MAX = 100

/** `backplane up`: this process becomes the supervisor. */
export async function runUp(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { config, env: overlay, data, json } = parsed.flags
  const configFile = resolve(io.cwd, config)
  // Without a file there is nothing to lock, start or stop: `check` says what to do.
  if (!existsSync(configFile)) {
    const { runCheck } = await import('./check.ts')
    return runCheck(['--config', config, ...(json ? ['--json'] : [])], io)
  }
  const dataDir = resolve(io.cwd, data ?? join(dirname(configFile), '.backplane'))
  return runSupervisor({
    boot: {
      configFile,
      overlay,
      dataDir,
      snapshotSocket: socketPath(dataDir),
      json,
      workers: 0,
    },
    controlEntry: entry('control'),
    dataEntry: entry('dataplane/data'),
    nodeArgs: ['--disable-warning=ExperimentalWarning'],
    json,
    stdout: io.stdout,
    stderr: io.stderr,
  })
}

/** In a checkout the source, in the package the bundle beside this one. */
function entry(name: string): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts')
    ? join(dirname(here), '..', `${name}.ts`)
    : join(dirname(here), `${name.split('/').at(-1)}.js`)
}

/** In the data folder, or in a private folder below the temporary one where that path is too long for a socket. */
function socketPath(dataDir: string): string {
  const near = join(dataDir, 'run', 'snapshot.sock')
  if (Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX) return near
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `backplane-${process.getuid?.() ?? 0}-${name}`)
  mkdirSync(folder, { mode: 0o700, recursive: true })
  return join(folder, 'snapshot.sock')
}
