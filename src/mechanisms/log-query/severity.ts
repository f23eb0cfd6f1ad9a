/** First number of each level, as OpenTelemetry's data model has it. */
export const SEVERITY = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const

/** A level by its usual name. */
export type Level = keyof typeof SEVERITY

const NAMES: ReadonlyMap<string, number> = new Map<string, number>([
  ['trace', 1],
  ['verbose', 1],
  ['finest', 1],
  ['silly', 1],
  ['debug', 5],
  ['fine', 5],
  ['dbg', 5],
  ['info', 9],
  ['information', 9],
  ['informational', 9],
  ['notice', 10],
  ['warn', 13],
  ['warning', 13],
  ['error', 17],
  ['err', 17],
  ['severe', 17],
  ['critical', 18],
  ['crit', 18],
  ['alert', 19],
  ['fatal', 21],
  ['panic', 21],
  ['emergency', 22],
  ['emerg', 22],
])

/** Longest name that is looked up. */
const NAME_LENGTH_MAX = 16

/** The number of a level that a program wrote: `WARN`, `warning`, `Error`; 0 for what is none. */
export function severityOfName(name: string): number {
  if (name.length > NAME_LENGTH_MAX) return 0
  return NAMES.get(name) ?? NAMES.get(name.trim().toLowerCase()) ?? 0
}

/** pino and bunyan number levels from 10 to 60; syslog from 7 down to 0. Any other number is none. */
export function severityOfNumber(level: number): number {
  if (level >= 10 && level <= 60) return Math.min(21, Math.max(1, Math.floor(level / 10) * 4 - 3))
  return level >= 0 && level <= 7 ? severityOfSyslog(level) : 0
}

/** RFC 5424 section 6.2.1, as the data model maps it. */
export function severityOfSyslog(level: number): number {
  return [22, 19, 18, 17, 13, 10, 9, 5][level] ?? 0
}

/** The name of the level that a number belongs to; '' for 0. */
export function levelOf(severity: number): Level | '' {
  if (severity < 1) return ''
  if (severity < 5) return 'trace'
  if (severity < 9) return 'debug'
  if (severity < 13) return 'info'
  if (severity < 17) return 'warn'
  return severity < 21 ? 'error' : 'fatal'
}
