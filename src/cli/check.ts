import { basename, relative } from 'node:path'
import { loadConfig } from '../platform/config/load.ts'
import { ConfigError, formatProblems } from '../platform/config/problems.ts'
import { checkSettings, inspectSettings, settingsSchema, SMALLEST_FILE } from '../settings.ts'
import type { Settings } from '../settings.ts'
import { parseArguments, printExit } from './arguments.ts'
import type { CommandSpec } from './arguments.ts'
import type { Io } from './io.ts'
import { locateConfig } from './locate.ts'

const spec = {
  name: 'check',
  summary:
    'Validates the configuration, and the certificates and rules that it names; starts nothing.',
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
    },
    json: { type: 'boolean', description: 'Print one JSON object: { ok, problems }.' },
  },
  notes: ['Exit codes: 0 valid, 1 not valid, 2 wrong use.'],
} as const satisfies CommandSpec

/** `backplane check`. Returns the exit code: 0 valid, 1 not valid, 2 wrong use. */
export async function runCheck(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { config, env: overlay, json } = parsed.flags
  const file = locateConfig(config, io.cwd)
  try {
    const { settings } = await loadConfig({
      file,
      overlay,
      schema: settingsSchema,
      env: { ...io.env },
      check: checkSettings,
      inspect: inspectSettings,
      smallest: SMALLEST_FILE,
    })
    const shown = relative(io.cwd, file) || basename(file)
    io.stdout.write(
      json ? `${JSON.stringify({ ok: true, problems: [] })}\n` : summarize(shown, settings),
    )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (json) io.stdout.write(`${JSON.stringify({ ok: false, problems: error.problems })}\n`)
    else io.stderr.write(`${formatFailure(error, io)}\n`)
    return 1
  }
}

function summarize(file: string, settings: Settings): string {
  const services = count(Object.keys(settings.services).length, 'service')
  const routes = count(settings.gateway.routes.length, 'route')
  return `${file} is valid: ${services}, ${routes}\n`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function formatFailure({ problems }: ConfigError, io: Io): string {
  const isTerminal = 'isTTY' in io.stderr && io.stderr.isTTY === true
  const text = formatProblems(problems, { color: isTerminal && !io.env['NO_COLOR'] })
  return problems.length > 1 ? `${text}\n\n${problems.length} problems` : text
}
