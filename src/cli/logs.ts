import type { OutputLine } from '../contracts/supervisor.ts'
import { showOnTerminal } from '../mechanisms/terminal-text/terminal-text.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { isTerminal, type Io } from './io.ts'
import { isLevel, searchStore } from './logs-store.ts'

/** Lines that one reader may begin with. */
const TAIL_MAX = 10_000

const spec = {
  name: 'logs',
  summary: 'The output of services, also of instances that have ended.',
  positionals: [
    {
      name: 'NAME',
      description: 'Services or instances; all where it is left out.',
      isOptional: true,
      isMany: true,
    },
  ],
  flags: {
    ...targetFlags,
    follow: { type: 'boolean', short: 'f', description: 'Go on with each new line until Ctrl-C.' },
    previous: {
      type: 'boolean',
      short: 'p',
      description: 'Only what instances have printed that have ended.',
    },
    tail: {
      type: 'value',
      value: 'N',
      description: `Begin with the last N lines; 200, or with --since or --grep ${TAIL_MAX}.`,
    },
    since: {
      type: 'value',
      value: 'TIME',
      description:
        'Only lines that are younger than this (10m), or than a time (2026-11-24T08:00:00Z).',
    },
    grep: {
      type: 'value',
      value: 'TEXT',
      description: 'Only lines that have this text; upper and lower case are the same.',
    },
    level: {
      type: 'value',
      value: 'LEVEL',
      description: 'Only records of this level and above: debug, info, warn, error, fatal.',
    },
    'no-times': { type: 'boolean', description: 'Leave out the time of each line.' },
  },
} as const satisfies CommandSpec

/** `backplane logs`. With `--json` each line is one object: seq, atMs, process, stream, text. */
export async function runLogs(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const isFiltered = (flags.since ?? flags.grep ?? flags.level) !== undefined
    const tail = parseTail(flags.tail, isFiltered)
    const isWanted = lineFilter(flags.since, flags.grep, Date.now())
    if (flags.level !== undefined && !isLevel(flags.level)) {
      throw new CommandError(
        'ERR_CLI_USAGE',
        `--level takes debug, info, warn, error or fatal, not '${flags.level}'.`,
        2,
      )
    }
    const admin = await findAdmin(flags, io)
    const query = new URLSearchParams(
      positionals.map((name): [string, string] => ['service', name]),
    )
    query.set('tail', String(tail))
    query.set('follow', String(flags.follow))
    query.set('previous', String(flags.previous))
    // What a service prints is bytes for a pipe, and no command for the operator's terminal.
    const show = isTerminal(io.stdout) ? showOnTerminal : (text: string) => text
    const format = (line: OutputLine): string =>
      flags.json ? `${JSON.stringify(line)}\n` : formatLine(line, show, !flags['no-times'])
    // What is asked for by time, text or level is looked for in the store, which knows instances that are gone and what no ring holds any more.
    if (isFiltered && !flags.follow && !flags.previous) {
      const nowMs = Date.now()
      const found = await searchStore(admin, {
        names: positionals,
        sinceMs: flags.since === undefined ? 0 : parseSince(flags.since, nowMs),
        nowMs,
        grep: flags.grep ?? '',
        level: flags.level ?? '',
        limit: tail,
      })
      if (found === undefined) {
        io.stderr.write(
          '(the store of logs does not answer just now: these are the newest lines)\n',
        )
      }
      for (const line of found ?? []) io.stdout.write(format(line))
      // A name that nobody knows, and lines that are not stored yet, are told by the output itself.
      if ((found ?? []).length > 0 || flags.level !== undefined) return 0
    }
    await admin.events(`/api/v1/logs?${query.toString()}`, (event) => {
      const { lines, dropped } = event as { lines: readonly OutputLine[]; dropped: number }
      if (dropped > 0) io.stderr.write(`(${dropped} lines were dropped)\n`)
      for (const line of lines) if (isWanted(line)) io.stdout.write(format(line))
    })
    return 0
  })
}

function parseTail(text: string | undefined, isFiltered: boolean): number {
  if (text === undefined) return isFiltered ? TAIL_MAX : 200
  if (/^\d{1,5}$/.test(text) && Number(text) <= TAIL_MAX) return Number(text)
  throw new CommandError(
    'ERR_CLI_USAGE',
    `--tail takes a number of lines up to ${TAIL_MAX}, not '${text}'.`,
    2,
  )
}

function lineFilter(
  since: string | undefined,
  grep: string | undefined,
  nowMs: number,
): (line: OutputLine) => boolean {
  const fromMs = since === undefined ? 0 : parseSince(since, nowMs)
  const text = grep?.toLowerCase()
  return (line) =>
    line.atMs >= fromMs && (text === undefined || line.text.toLowerCase().includes(text))
}

/** A duration before now, or a time as RFC 3339 has it. */
function parseSince(text: string, nowMs: number): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit]
  if (unitMs !== undefined) return nowMs - Number(count) * unitMs
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return time
  throw new CommandError(
    'ERR_CLI_USAGE',
    `--since takes a duration such as 10m, or a time such as 2026-11-24T08:00:00Z, not '${text}'.`,
    2,
  )
}

function formatLine(line: OutputLine, show: (text: string) => string, hasTime: boolean): string {
  const time = hasTime ? `${new Date(line.atMs).toISOString().slice(11, 23)} ` : ''
  return `${time}${line.process} ${line.stream === 'stderr' ? '! ' : '| '}${show(line.text)}\n`
}
