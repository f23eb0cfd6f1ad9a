import type { OutputLine } from '../contracts/supervisor.ts'
import { showOnTerminal } from '../mechanisms/terminal-text/terminal-text.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { isTerminal, type Io } from './io.ts'

const spec = {
  name: 'logs',
  summary: 'The output of a service, or of all services.',
  positionals: [
    { name: 'SERVICE', description: 'Its name; all where it is left out.', isOptional: true },
  ],
  flags: {
    ...targetFlags,
    follow: { type: 'boolean', short: 'f', description: 'Go on with each new line until Ctrl-C.' },
    tail: {
      type: 'value',
      value: 'N',
      description: 'Begin with the last N lines of each process.',
      default: '200',
    },
  },
} as const satisfies CommandSpec

/** `backplane logs`. With `--json` each line is one object: seq, atMs, process, stream, text. */
export async function runLogs(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    if (!/^\d{1,5}$/.test(flags.tail) || Number(flags.tail) > 10_000) {
      throw new CommandError(
        'ERR_CLI_USAGE',
        `--tail takes a number of lines up to 10000, not '${flags.tail}'.`,
        2,
      )
    }
    const admin = await findAdmin(flags, io)
    const [service] = positionals
    const path =
      service === undefined
        ? '/api/v1/logs'
        : `/api/v1/services/${encodeURIComponent(service)}/logs`
    // What a service prints is bytes for a pipe, and no command for the operator's terminal.
    const show = isTerminal(io.stdout) ? showOnTerminal : (text: string) => text
    await admin.events(`${path}?tail=${flags.tail}&follow=${flags.follow}`, (event) => {
      const { lines, dropped } = event as { lines: readonly OutputLine[]; dropped: number }
      if (dropped > 0) io.stderr.write(`(${dropped} lines were dropped)\n`)
      for (const line of lines)
        io.stdout.write(flags.json ? `${JSON.stringify(line)}\n` : formatLine(line, show))
    })
    return 0
  })
}

function formatLine(line: OutputLine, show: (text: string) => string): string {
  const time = new Date(line.atMs).toISOString().slice(11, 23)
  return `${time} ${line.process} ${line.stream === 'stderr' ? '! ' : '| '}${show(line.text)}\n`
}
