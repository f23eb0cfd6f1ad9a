import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { supervisorClock } from '../platform/clock.ts'
import type { OwnProcessSpec } from '../supervisor/own/own-process-spec.ts'
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

/**
 * For glibc's allocator (others ignore it): what slow clients needed goes back to the system when they are gone, see
 * docs/decisions/0024-memory-given-back.md. Bytes.
 */
const givesMemoryBack = { MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '65536' }

/** Our own processes, in the order of their start. One more of them is one more element here. */
const ownProcesses = [
  {
    name: 'data',
    entry: entry('dataplane/data'),
    role: 'traffic',
    when: 'always',
    isVital: true,
    stopOrder: 1,
    env: givesMemoryBack,
  },
  {
    name: 'control',
    entry: entry('control'),
    role: 'control',
    when: 'always',
    isVital: true,
    stopOrder: 0,
  },
  {
    name: 'telemetry',
    entry: entry('telemetry'),
    role: 'plain',
    when: 'always',
    isVital: false,
    stopOrder: 0,
  },
] as const satisfies readonly OwnProcessSpec[]

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
    boot: { configFile, overlay, dataDir, json, workers: 0 },
    own: ownProcesses,
    nodeArgs: ['--disable-warning=ExperimentalWarning'],
    clock: supervisorClock,
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
