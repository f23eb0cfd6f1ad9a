import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { nearestWord } from '../mechanisms/nearest-word/nearest-word.ts'
import { loadConfig } from '../platform/config/load.ts'
import { ConfigError } from '../platform/config/problems.ts'
import { ownEntry } from '../platform/own-entry.ts'
import { checkSettings, settingsSchema, SMALLEST_FILE } from '../settings.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'
import { locateConfig } from './locate.ts'

const spec = {
  name: 'run',
  summary:
    'Runs a command as the service would be run: in its folder, with its environment and the addresses of the others.',
  positionals: [
    { name: 'SERVICE', description: 'Name of a service that runs here.' },
    {
      name: 'COMMAND',
      description: 'The command and all of its arguments, as they are.',
      isMany: true,
      isRest: true,
    },
  ],
  flags: {
    ...targetFlags,
    env: {
      type: 'value',
      value: 'NAME',
      description: 'Lays backplane.NAME.yaml over the file, as for `up`.',
    },
  },
  notes: [
    'Options stand before SERVICE. The exit code is that of the command; 1 where it cannot be started.',
    'Example: backplane run orders npm run migrate',
  ],
} as const satisfies CommandSpec

/** What the running system gives to every instance of a service. */
interface Given {
  readonly variables: Readonly<Record<string, string>>
}

/** `backplane run`. Secrets are read here, by the file, as `up` reads them: they are not asked of the running system. */
export async function runRun(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [name = '', program = '', ...words] = positionals
  return runGuarded(io, flags.json, async () => {
    const file = locateConfig(flags.config, io.cwd)
    const { settings, environment } = await load(file, flags.env, io)
    const service = ownEntry(settings.services, name)
    if (service?.run === undefined) throw unknownService(name, Object.keys(settings.services))
    const admin = await findAdmin(flags, io)
    const path = `/api/v1/services/${encodeURIComponent(name)}/variables`
    const { variables } = (await admin.call('GET', path)) as Given
    const child = spawn(program, words, {
      cwd: resolve(dirname(file), service.folder),
      env: { ...environment, ...variables, ...textsOf(service.env) },
      stdio: 'inherit',
    })
    return exitOf(child, program)
  })
}

async function load(file: string, overlay: string | undefined, io: Io) {
  try {
    return await loadConfig({
      file,
      overlay,
      schema: settingsSchema,
      env: { ...io.env },
      check: checkSettings,
      smallest: SMALLEST_FILE,
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CommandError(error.code, `the configuration is not valid:\n${error.message}`)
  }
}

function unknownService(name: string, known: readonly string[]): CommandError {
  const nearest = nearestWord(name, known)
  const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  return new CommandError(
    'ERR_PROCESSES_SERVICE_UNKNOWN',
    `'${name}' is not a service with a command in the file.${guess}`,
  )
}

/** The loader has replaced `{env}` and `{file}` by their texts. */
function textsOf(env: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(env).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}

function exitOf(child: ReturnType<typeof spawn>, program: string): Promise<number> {
  const { promise, resolve: done, reject } = Promise.withResolvers<number>()
  child.on('error', ({ message }) => {
    reject(new CommandError('ERR_CLI_COMMAND', `${program} cannot be started: ${message}`))
  })
  // 128 and the number of the signal is what a shell says; the number is not known here.
  child.on('exit', (code) => done(code ?? 128))
  return promise
}
