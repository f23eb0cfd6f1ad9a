import { z } from 'zod'
import { formatHostPort, parseHostPort, parsePort } from './addresses.ts'
import type { HostPort } from './addresses.ts'

interface TextBounds {
  readonly min?: string
  readonly max?: string
}

/** What is known of a setting that is written with a unit: for messages, docs/settings.md, the JSON Schema and the effective settings. */
export interface Unit {
  readonly kind: 'duration' | 'size' | 'share' | 'rate' | 'address' | 'secret'
  /** `must be a duration such as 500ms, 2s or 5m, from 100ms to 1h`. */
  readonly demand: string
  /** Bounds as they are written in the file; '' for none. */
  readonly bounds: string
  /** The parsed value as one would write it in the file. */
  readonly format: (value: never) => unknown
  /** The text form for editors. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
}

const units = z.registry<Unit>()

/** The unit of a setting, or undefined where it has none. Wrappers (optional, default) must be taken off first. */
export function unitOf(schema: z.core.$ZodType): Unit | undefined {
  return units.get(schema)
}

/** A text that is not what the unit asks for. The message goes after the path of the setting. */
export class UnitError extends Error {
  readonly code = 'ERR_CONFIG_VALUE_INVALID'
  override readonly name = 'UnitError'
}

/**
 * `2s`, `500ms`, `5m`, `1h`, `7d`, `1h30m`, `1.5s` to milliseconds.
 * @param bounds both inclusive, written as durations; without them from 0s to 3650d.
 */
export function duration(bounds: TextBounds = {}) {
  const { min = '0s', max = '3650d' } = bounds
  const demand = `must be a duration such as 500ms, 2s or 5m, from ${min} to ${max}`
  const read = bounded(parseDurationMs, parseDurationMs(min), parseDurationMs(max))
  return z
    .string({ error: (issue) => refusal(demand, issue.input) })
    .transform((text, context) => attempt(read, text, demand, context))
    .register(units, {
      kind: 'duration',
      demand,
      bounds: `${min} to ${max}`,
      format: formatDurationMs,
      jsonSchema: { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$' },
    })
}

/**
 * `10MiB`, `64KiB`, `512B`, `1.5GiB`, and powers of ten as `10MB`, to bytes.
 * @param bounds both inclusive, written as sizes; without them from 0B to 1PiB.
 */
export function size(bounds: TextBounds = {}) {
  const { min = '0B', max = '1024TiB' } = bounds
  const demand = `must be a size such as 512B, 64KiB or 10MiB, from ${min} to ${max}`
  const read = bounded(parseSizeBytes, parseSizeBytes(min), parseSizeBytes(max))
  return z
    .string({ error: (issue) => refusal(demand, issue.input) })
    .transform((text, context) => attempt(read, text, demand, context))
    .register(units, {
      kind: 'size',
      demand,
      bounds: `${min} to ${max}`,
      format: formatSizeBytes,
      jsonSchema: { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(B|[KMGT]iB|kB|[MGT]B)$' },
    })
}

/** `20%` or `0.2` to a ratio from 0 to 1. */
export function share() {
  const demand = 'must be a share such as 20% or 0.2, from 0% to 100%'
  return z
    .union([z.string(), z.number()], { error: (issue) => refusal(demand, issue.input) })
    .transform((raw, context) => attempt(parseShareRatio, raw, demand, context))
    .register(units, {
      kind: 'share',
      demand,
      bounds: '0% to 100%',
      format: formatShareRatio,
      jsonSchema: {
        anyOf: [
          { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?%$' },
          { type: 'number', minimum: 0, maximum: 1 },
        ],
      },
    })
}

/**
 * `100/s`, `6000/m`, `0.5/s`, `10/h` to a number a second.
 * @param bounds `max` is a number a second, inclusive; without it a million.
 */
export function rate(bounds: { readonly max?: number } = {}) {
  const { max = 1_000_000 } = bounds
  const demand = `must be a rate such as 100/s or 6000/m, from 0/s to ${max}/s`
  const read = bounded(parseRatePerSecond, 0, max)
  return z
    .string({ error: (issue) => refusal(demand, issue.input) })
    .transform((text, context) => attempt(read, text, demand, context))
    .register(units, {
      kind: 'rate',
      demand,
      bounds: `0/s to ${max}/s`,
      format: formatRatePerSecond,
      jsonSchema: { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?/[smh]$' },
    })
}

/** A listener: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `0` or `off`. */
export type ListenAddress = HostPort | 'off'

const LISTEN_DEMAND =
  'must be a port such as 8080, an address such as 127.0.0.1:8080 or "[::1]:8080", 0 for any free port, or off'

/** A listener of the house. A bare port is on 127.0.0.1. */
export function listenAddress() {
  return z
    .union([z.number(), z.string()], { error: (issue) => refusal(LISTEN_DEMAND, issue.input) })
    .transform((raw, context): ListenAddress =>
      attempt(parseListenAddress, raw, LISTEN_DEMAND, context),
    )
    .register(units, {
      kind: 'address',
      demand: LISTEN_DEMAND,
      bounds: '',
      format: formatListenAddress,
      jsonSchema: {
        anyOf: [
          { type: 'integer', minimum: 0, maximum: 65_535 },
          { type: 'string', pattern: '^(off|[0-9]+|.+:[0-9]+)$' },
        ],
      },
    })
}

const SECRET_DEMAND = 'must be a text, { env: NAME } or { file: path }'

/**
 * A plain text, or where to find it: `{ env: NAME }`, `{ file: path }`. The loader resolves it; the value never appears in errors or in
 * the effective configuration. Numbers and booleans are taken as texts.
 */
export function secret() {
  return z
    .union(
      [
        z.string(),
        z.number().transform(String),
        z.boolean().transform(String),
        z.strictObject({ env: z.string().min(1) }),
        z.strictObject({ file: z.string().min(1) }),
      ],
      { error: SECRET_DEMAND },
    )
    .register(units, {
      kind: 'secret',
      demand: SECRET_DEMAND,
      bounds: '',
      format: () => '***',
      jsonSchema: {
        anyOf: [
          { type: ['string', 'number', 'boolean'] },
          referenceSchema('env', 'Name of an environment variable of Backplane.'),
          referenceSchema('file', 'Path, relative to the configuration file.'),
        ],
      },
    })
}

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
])
const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const DURATION_FRACTION = /^(\d+\.\d+)(ms|s|m|h|d)$/

/**
 * `2s`, `500ms`, `1h30m` (units in falling order, each once) or `1.5s` (one unit, whole milliseconds) to milliseconds.
 * @throws UnitError
 */
export function parseDurationMs(text: string): number {
  const fraction = DURATION_FRACTION.exec(text)
  if (fraction !== null) {
    const unitMs = DURATION_UNITS_MS.get(fraction[2] ?? '') ?? NaN
    return wholeNumber(scaleDecimal(fraction[1] ?? '', unitMs), text, 'a duration such as 2s')
  }
  const parts = text === '' ? null : DURATION.exec(text)
  if (parts === null) throw new UnitError('must be a duration such as 500ms, 2s or 5m')
  let totalMs = 0
  for (const [index, unitMs] of [...DURATION_UNITS_MS.values()].entries()) {
    totalMs += Number(parts[index + 1] ?? 0) * unitMs
  }
  return wholeNumber(totalMs, text, 'a duration such as 2s')
}

/** The shortest text of whole numbers that `parseDurationMs` reads back: `1h30m`, `90s` is `1m30s`, 0 is `0s`. */
export function formatDurationMs(durationMs: number): string {
  let restMs = Math.round(durationMs)
  let text = ''
  for (const [unit, unitMs] of DURATION_UNITS_MS) {
    const count = Math.floor(restMs / unitMs)
    if (count > 0) text += `${count}${unit}`
    restMs -= count * unitMs
  }
  return text === '' ? '0s' : text
}

const SIZE_UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1000],
  ['B', 1],
])
const SIZE = /^(\d+(?:\.\d+)?)(B|[KMGT]iB|kB|[MGT]B)$/

/**
 * `512B`, `64KiB`, `1.5GiB` (powers of 1024) or `10MB` (powers of 1000) to bytes.
 * @throws UnitError
 */
export function parseSizeBytes(text: string): number {
  const match = SIZE.exec(text)
  if (match === null) throw new UnitError('must be a size such as 512B, 64KiB or 10MiB')
  const unitBytes = SIZE_UNITS_BYTES.get(match[2] ?? '') ?? NaN
  return wholeNumber(scaleDecimal(match[1] ?? '', unitBytes), text, 'a size such as 64KiB')
}

/** In the largest binary unit that divides it: 65536 is `64KiB`, 1000 is `1000B`. */
export function formatSizeBytes(sizeBytes: number): string {
  const fits = ([unit, unitBytes]: [string, number]): boolean =>
    unit.endsWith('iB') && sizeBytes >= unitBytes && sizeBytes % unitBytes === 0
  const [unit, unitBytes] = [...SIZE_UNITS_BYTES].find(fits) ?? ['B', 1]
  return `${sizeBytes / unitBytes}${unit}`
}

/**
 * `20%`, `0.2` or the number 0.2 to a ratio from 0 to 1.
 * @throws UnitError
 */
export function parseShareRatio(raw: string | number): number {
  const ratio = typeof raw === 'number' ? raw : parseShareText(raw)
  if (ratio >= 0 && ratio <= 1) return ratio
  throw new UnitError('must be a share such as 20% or 0.2, from 0% to 100%')
}

/** `20%`; as many digits as it takes to read the same ratio back. */
export function formatShareRatio(ratio: number): string {
  const percent = `${Number((ratio * 100).toPrecision(15))}%`
  return /^[0-9.]+%$/.test(percent) && parseShareRatio(percent) === ratio ? percent : String(ratio)
}

const RATE = /^(\d+(?:\.\d+)?)\/(s|m|h)$/
const RATE_UNITS_SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
])

/**
 * `100/s`, `6000/m` or `10/h` to a number a second.
 * @throws UnitError
 */
export function parseRatePerSecond(text: string): number {
  const match = RATE.exec(text)
  if (match === null) throw new UnitError('must be a rate such as 100/s or 6000/m')
  return Number(match[1]) / (RATE_UNITS_SECONDS.get(match[2] ?? '') ?? NaN)
}

/** Per second, minute or hour: whichever gives a whole number first, else per second. */
export function formatRatePerSecond(perSecond: number): string {
  for (const [unit, seconds] of RATE_UNITS_SECONDS) {
    const count = Math.round(perSecond * seconds)
    if (count / seconds === perSecond && Number.isSafeInteger(count)) return `${count}/${unit}`
  }
  return `${perSecond}/s`
}

/**
 * `8080`, `127.0.0.1:8080`, `[::1]:8080`, `0` or `off`. A bare port is on 127.0.0.1.
 * @throws UnitError
 */
export function parseListenAddress(raw: string | number): ListenAddress {
  if (raw === 'off') return 'off'
  const text = String(raw)
  const port = parsePort(text, 0)
  const address = port === undefined ? parseHostPort(text, 0) : { host: '127.0.0.1', port }
  if (address !== undefined) return address
  if (/^(\*|):\d+$/.test(text)) {
    const everywhere = `0.0.0.0${text.slice(text.indexOf(':'))}`
    throw new UnitError(
      `must name the address that it listens on; for all of them write ${everywhere}`,
    )
  }
  throw new UnitError(LISTEN_DEMAND)
}

/** The text that `parseListenAddress` reads back. */
export function formatListenAddress(address: ListenAddress): string {
  return address === 'off' ? 'off' : formatHostPort(address)
}

/** A decimal text times a whole number, rounded only where the exact result is no whole number. */
function scaleDecimal(decimal: string, factor: number): number {
  const [whole = '', digits = ''] = decimal.split('.')
  if (digits.length > 12) return Number.NaN
  const scaled = BigInt(whole + digits) * BigInt(factor)
  const divisor = 10n ** BigInt(digits.length)
  return scaled % divisor === 0n ? Number(scaled / divisor) : Number.NaN
}

function wholeNumber(value: number, text: string, example: string): number {
  if (Number.isSafeInteger(value)) return value
  const unit = example.startsWith('a size') ? 'bytes' : 'milliseconds'
  throw new UnitError(`must be ${example}, in whole ${unit} up to 2^53; ${text} is not`)
}

function parseShareText(text: string): number {
  if (/^\d+(\.\d+)?%$/.test(text)) return Number(`${text.slice(0, -1)}e-2`)
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
}

function bounded(parse: (text: string) => number, min: number, max: number) {
  return (text: string): number => {
    const value = parse(text)
    return value >= min && value <= max ? value : Number.NaN
  }
}

/** Runs a parser inside a Zod transform: what it refuses becomes an issue that says what is demanded and what was there. */
function attempt<Raw, Value>(
  parse: (raw: Raw) => Value,
  raw: Raw,
  demand: string,
  context: z.core.$RefinementCtx,
): Value {
  let message = demand
  try {
    const value = parse(raw)
    if (!Number.isNaN(value)) return value
  } catch (error) {
    if (!(error instanceof UnitError)) throw error
    if (error.message.startsWith('must name')) message = error.message
  }
  context.addIssue({ code: 'custom', message: refusal(message, raw), input: raw })
  return z.NEVER
}

const SHOWN_TEXT_MAX = 60

/** `must be …; is "5x"`. Says nothing of the value where there is none, or where it is a map or list. */
function refusal(demand: string, input: unknown): string {
  if (input === undefined) return `is missing; it ${demand}`
  if (input === null) return `is empty; it ${demand}`
  if (typeof input === 'object') return `${demand}; is a ${Array.isArray(input) ? 'list' : 'map'}`
  const shown = `${input as string | number | boolean}`
  return `${demand}; is ${shown.length > SHOWN_TEXT_MAX ? `${shown.slice(0, SHOWN_TEXT_MAX)}…` : shown}`
}

function referenceSchema(name: string, description: string): Record<string, unknown> {
  return {
    type: 'object',
    properties: { [name]: { type: 'string', minLength: 1, description } },
    required: [name],
    additionalProperties: false,
  }
}
