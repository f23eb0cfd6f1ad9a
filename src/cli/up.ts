import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { supervisorClock } from '../platform/clock.ts'
import type { OwnProcessSpec } from '../supervisor/own/own-process-spec.ts'
import { runSupervisor } from '../supervisor/supervisor.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { detachedStreams, startDetached, whenFirstPrinted } from './detached.ts'
import { printable, type Io } from './io.ts'
import { locateConfig, locateData } from './locate.ts'

const spec = {
  name: 'up',
  summary: 'Starts everything that the configuration describes, and stops it in order on Ctrl-C.',
  flags: {
    config: {
      type: 'value',
      short: 'c',
      value: 'FILE',
      description: 'The configuration file. Default: backplane.yaml here, or in a folder above.',
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
    detach: {
      type: 'boolean',
      short: 'd',
      description: 'Leave it running and return when everything is up; `backplane down` stops it.',
    },
    wait: {
      type: 'boolean',
      description: 'Like --detach, and exit with 1 where something is wrong then.',
    },
    logs: { type: 'boolean', description: 'Go on with the output of all services.' },
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

/** What a start allocates at once makes V8 keep a young generation of 48 MB for ever; with 12 MB control is 14 MB smaller when idle (measured). */
const smallYoungGeneration = ['--max-semi-space-size=4'] as const

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
    nodeArgs: smallYoungGeneration,
  },
  {
    name: 'telemetry',
    entry: entry('telemetry'),
    role: 'collector',
    when: 'always',
    isVital: false,
    stopOrder: 0,
  },
  {
    name: 'events',
    entry: entry('events'),
    role: 'plain',
    when: 'wanted',
    isVital: false,
    stopOrder: 0,
  },
  {
    name: 'identity',
    entry: entry('identity'),
    role: 'plain',
    when: 'wanted',
    isVital: false,
    stopOrder: 0,
  },
] as const satisfies readonly OwnProcessSpec[]

/** `backplane up`: this process becomes the supervisor. */
export async function runUp(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags } = parsed
  const configFile = locateConfig(flags.config, io.cwd)
  // Without a file there is nothing to lock, start or stop: `check` says what to do.
  if (!existsSync(configFile)) {
    const { runCheck } = await import('./check.ts')
    return runCheck(['--config', configFile, ...(flags.json ? ['--json'] : [])], io)
  }
  const place = { configFile, dataDir: locateData(flags.data, configFile, io.cwd) }
  return flags.detach || flags.wait
    ? leaveRunning({ ...place, ...flags }, io)
    : stayRunning({ ...place, ...flags }, io)
}

interface UpOptions {
  readonly configFile: string
  readonly dataDir: string
  readonly env: string
  readonly json: boolean
  readonly wait: boolean
  readonly logs: boolean
}

async function leaveRunning(
  { configFile, dataDir, ...options }: UpOptions,
  io: Io,
): Promise<number> {
  const target = ['--config', configFile, '--data', dataDir]
  const overlay = options.env === '' ? [] : ['--env', options.env]
  const json = options.json ? ['--json'] : []
  const exitCode = await startDetached([...target, ...overlay, ...json], options.json, io)
  if (exitCode !== 0 || !options.wait) return exitCode
  const { runStatus } = await import('./status.ts')
  const silent = { ...io, stdout: printable(io.stdout, () => '') }
  return runStatus(target, silent)
}

function stayRunning({ configFile, dataDir, ...options }: UpOptions, io: Io): Promise<number> {
  const { json } = options
  const streams = detachedStreams(dataDir, io) ?? io
  const followLogs = (): void => {
    const argv = [
      '--follow',
      '--config',
      configFile,
      '--data',
      dataDir,
      ...(json ? ['--json'] : []),
    ]
    // What ends here is told by those who end it.
    const quiet = { ...io, stderr: printable(io.stderr, () => '') }
    void import('./logs.ts').then(({ runLogs }) => runLogs(argv, quiet))
  }
  return runSupervisor({
    boot: { configFile, overlay: options.env, dataDir, json, workers: 0 },
    own: ownProcesses,
    nodeArgs: ['--disable-warning=ExperimentalWarning'],
    clock: supervisorClock,
    json,
    stdout: options.logs ? whenFirstPrinted(io, followLogs) : streams.stdout,
    stderr: streams.stderr,
  })
}

/** In a checkout the source, in the package the bundle beside this one. */
function entry(name: string): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts')
    ? join(dirname(here), '..', `${name}.ts`)
    : join(dirname(here), `${name.split('/').at(-1)}.js`)
}
