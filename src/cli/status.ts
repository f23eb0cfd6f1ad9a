import { nearestWord } from '../mechanisms/nearest-word/nearest-word.ts'
import { showLinesOnTerminal } from '../mechanisms/terminal-text/terminal-text.ts'
import { supervisorClock } from '../platform/clock.ts'
import { wait } from '../supervisor/wait.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { isTerminal, type Io } from './io.ts'
import { formatStatus, type StatusParts } from './status-text.ts'

const spec = {
  name: 'status',
  summary: 'Services, instances, listeners, and what is wrong.',
  positionals: [
    {
      name: 'SERVICE',
      description: 'Only these; all where it is left out.',
      isOptional: true,
      isMany: true,
    },
  ],
  flags: {
    ...targetFlags,
    watch: { type: 'boolean', short: 'w', description: 'Again every two seconds, until Ctrl-C.' },
  },
  notes: [
    'Exit codes: 0 nothing is wrong, 1 not running or an error is shown, 2 wrong use.',
    'With SERVICE only what is wrong with it counts.',
  ],
} as const satisfies CommandSpec

/** Between two looks of `--watch`. */
const WATCH_MS = 2_000
/** The cursor goes to the top left, and what stands below is erased (ECMA-48). */
const CLEAR_SCREEN = '\x1b[H\x1b[2J\x1b[3J'

/** `backplane status`. */
export async function runStatus(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    for (;;) {
      const all = (await admin.call('GET', '/api/v1/status')) as StatusParts
      const status = positionals.length === 0 ? all : onlyServices(all, positionals)
      // The last words of a service that crashed are among what is wrong.
      const show = isTerminal(io.stdout) ? showLinesOnTerminal : (text: string) => text
      const text = flags.json ? `${JSON.stringify(status)}\n` : show(formatStatus(status))
      io.stdout.write(flags.watch && isTerminal(io.stdout) ? `${CLEAR_SCREEN}${text}` : text)
      if (!flags.watch) {
        return status.problems.some((problem) => problem.severity === 'error') ? 1 : 0
      }
      await wait(supervisorClock, WATCH_MS)
    }
  })
}

/** These services, and what is wrong with them. Throws `CommandError` for a name that is none. */
function onlyServices(status: StatusParts, names: readonly string[]): StatusParts {
  const known = status.services.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const nearest = nearestWord(unknown, known)
    const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`
    throw new CommandError(
      'ERR_PROCESSES_SERVICE_UNKNOWN',
      `There is no service '${unknown}'.${guess} 'backplane status' lists all.`,
    )
  }
  return {
    ...status,
    listeners: [],
    services: status.services.filter(({ name }) => names.includes(name)),
    problems: status.problems.filter(({ service }) => names.includes(service)),
  }
}
