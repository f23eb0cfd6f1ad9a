import { showLinesOnTerminal } from '../mechanisms/terminal-text/terminal-text.ts'
import { findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { isTerminal, type Io } from './io.ts'
import { formatStatus, type StatusParts } from './status-text.ts'

const spec = {
  name: 'status',
  summary: 'Services, instances, listeners, and what is wrong.',
  flags: targetFlags,
  notes: ['Exit codes: 0 nothing is wrong, 1 not running or an error is shown, 2 wrong use.'],
} as const satisfies CommandSpec

/** `backplane status`. */
export async function runStatus(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags } = parsed
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    const status = (await admin.call('GET', '/api/v1/status')) as StatusParts
    // The last words of a service that crashed are among what is wrong.
    const show = isTerminal(io.stdout) ? showLinesOnTerminal : (text: string) => text
    io.stdout.write(flags.json ? `${JSON.stringify(status)}\n` : show(formatStatus(status)))
    return status.problems.some((problem) => problem.severity === 'error') ? 1 : 0
  })
}
