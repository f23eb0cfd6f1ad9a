import { CommandError } from './admin-client.ts'
import type { FlagSpec } from './arguments.ts'
import type { Io } from './io.ts'

/** Flags of every command that speaks to a running Backplane. */
export const targetFlags = {
  config: {
    type: 'value',
    short: 'c',
    value: 'FILE',
    description:
      'The configuration file whose system is meant. Default: backplane.yaml here, or in a folder above.',
  },
  data: {
    type: 'value',
    value: 'DIR',
    description: 'Its data folder. Default: .backplane beside the file.',
  },
  json: { type: 'boolean', description: 'Print JSON.' },
} as const satisfies Readonly<Record<string, FlagSpec>>

/** Runs a command's work and turns a `CommandError` into a message, a JSON object under `--json`, and an exit code. */
export async function runGuarded(
  io: Io,
  isJson: boolean,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const { code, message } = error
    if (isJson) io.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
    else io.stderr.write(`error: ${message} [${code}]\n`)
    return error.exitCode
  }
}
