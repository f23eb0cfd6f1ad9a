import type { Io } from './cli/io.ts'

type Command = (argv: readonly string[], io: Io) => Promise<number>

/** Every command by its name. Each is loaded only when it is asked for. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./cli/up.ts')).runUp,
  down: async () => (await import('./cli/down.ts')).runDown,
  check: async () => (await import('./cli/check.ts')).runCheck,
  status: async () => (await import('./cli/status.ts')).runStatus,
  run: async () => (await import('./cli/run.ts')).runRun,
  logs: async () => (await import('./cli/logs.ts')).runLogs,
  restart: async () => (await import('./cli/change.ts')).runRestart,
  stop: async () => (await import('./cli/change.ts')).runStop,
  start: async () => (await import('./cli/change.ts')).runStart,
  drain: async () => (await import('./cli/change.ts')).runDrain,
  undrain: async () => (await import('./cli/change.ts')).runUndrain,
  scale: async () => (await import('./cli/change.ts')).runScale,
  breaker: async () => (await import('./cli/breaker.ts')).runBreaker,
  identity: async () => (await import('./cli/identity.ts')).runIdentity,
  try: async () => (await import('./cli/try.ts')).runTry,
  why: async () => (await import('./cli/why.ts')).runWhy,
  credential: async () => (await import('./cli/credential.ts')).runCredential,
  completion: async () => {
    const { runCompletion } = await import('./cli/completion.ts')
    return (argv, io) => runCompletion(argv, io, Object.keys(commands))
  },
}

const [name = '--help', ...argv] = process.argv.slice(2)
const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  get stdin() {
    return process.stdin
  },
}
const load = Object.hasOwn(commands, name) ? commands[name] : undefined
if (load === undefined) {
  const { runUnknown } = await import('./cli/help.ts')
  process.exitCode = await runUnknown(name, Object.keys(commands), io)
} else {
  const command = await load()
  process.exitCode = await command(argv, io)
}
