import { parseDuration } from '../syntax/durations.ts'
import type { QueryTime } from '../engine.ts'
import { parseSeriesText, parseValues, type SeriesText } from './series-text.ts'

/** What a case expects of annotations or an error: nothing said, exactly this, or something that matches. */
export interface ExpectedText {
  readonly type: 'fail' | 'warn' | 'info'
  readonly match:
    | { readonly kind: 'any' }
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'pattern'; readonly pattern: RegExp }
}

/** A command of a case file. */
export type CaseCommand =
  | { readonly kind: 'clear' }
  | {
      readonly kind: 'load'
      readonly stepMs: number
      readonly series: readonly SeriesText[]
      readonly withNative: boolean
    }
  | EvalCommand

/** A query and its answer. */
export interface EvalCommand {
  readonly kind: 'eval'
  readonly line: number
  readonly query: string
  readonly time: QueryTime
  readonly texts: readonly ExpectedText[]
  readonly noWarn: boolean
  readonly noInfo: boolean
  readonly isOrdered: boolean
  readonly string: string | undefined
  /** The times of an expected range vector. */
  readonly rangeVector:
    | { readonly startMs: number; readonly endMs: number; readonly stepMs: number }
    | undefined
  readonly series: readonly SeriesText[]
  readonly scalar: number | undefined
}

/** Reads a case file of Prometheus' promqltest. Throws Error with the line. */
export function parseCaseFile(text: string): readonly CaseCommand[] {
  const lines = text.split('\n').map((line) => {
    const trimmed = line.trim()
    return trimmed.startsWith('#') ? '' : trimmed
  })
  const commands: CaseCommand[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line === '') continue
    const first = at + 1
    const block: string[] = []
    const isBlock = /^(?:load|eval)/i.test(line)
    while (isBlock && (lines[at + 1] ?? '') !== '') block.push(lines[++at] ?? '')
    try {
      commands.push(parseCommand(line, block, first))
    } catch (error) {
      throw new Error(`line ${first}: ${String(error)}`, { cause: error })
    }
  }
  return commands
}

function parseCommand(line: string, block: readonly string[], at: number): CaseCommand {
  if (/^clear$/i.test(line)) return { kind: 'clear' }
  const load = /^load(_with_nhcb)?\s+(.+)$/i.exec(line)
  if (load !== null) {
    const series = block.map(parseSeriesText)
    return {
      kind: 'load',
      stepMs: durationMs(load[2] ?? ''),
      series,
      withNative: load[1] !== undefined,
    }
  }
  const instant = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$/i.exec(
    line,
  )
  if (instant !== null) {
    const [, flag, time = '0', query = ''] = instant
    const when: QueryTime = { kind: 'instant', timeMs: durationMs(time) }
    return parseEval({ line: at, query, time: when, flag }, block)
  }
  const range =
    /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/i.exec(
      line,
    )
  if (range === null) throw new Error(`no command: ${line}`)
  const [, flag, from = '', to = '', step = '', query = ''] = range
  const time: QueryTime = {
    kind: 'range',
    startMs: durationMs(from),
    endMs: durationMs(to),
    stepMs: durationMs(step),
  }
  return parseEval({ line: at, query, time, flag }, block)
}

interface EvalLine {
  readonly line: number
  readonly query: string
  readonly time: QueryTime
  readonly flag: string | undefined
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] }

function parseEval({ line, query, time, flag }: EvalLine, block: readonly string[]): EvalCommand {
  const texts: ExpectedText[] = []
  if (flag === 'fail' || flag === 'warn' || flag === 'info') {
    texts.push({ type: flag, match: { kind: 'any' } })
  }
  const series: SeriesText[] = []
  const command: Mutable<EvalCommand> = {
    kind: 'eval',
    line,
    query,
    time,
    texts,
    noWarn: false,
    noInfo: false,
    isOrdered: flag === 'ordered',
    string: undefined,
    rangeVector: undefined,
    series,
    scalar: undefined,
  }
  for (const each of block) {
    if (parseExpectation(each, command, texts)) continue
    const isValues = /^[+-]?(?:[\d.]|Inf|NaN)\S*$/i.test(each)
    if (isValues) {
      const [value] = parseValues(each)
      if (typeof value === 'number') command.scalar = value
    } else series.push(parseSeriesText(each))
  }
  return command
}

function parseExpectation(
  line: string,
  command: Mutable<EvalCommand>,
  texts: ExpectedText[],
): boolean {
  const old = /^expected_fail_(message|regexp)\s+(.+)$/.exec(line)
  if (old !== null) {
    texts.length = 0
    texts.push({
      type: 'fail',
      match: matchOf(old[1] === 'message' ? 'msg' : 'regex', old[2] ?? ''),
    })
    return true
  }
  const match = /^expect\s+(\w+)\s*(.*)$/.exec(line)
  if (match === null) return false
  const [, what = '', rest = ''] = match
  const vector = /^vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/.exec(rest)
  const condition = /^(msg|regex)\s*:\s*(.*)$/.exec(rest)
  switch (what) {
    case 'fail':
    case 'warn':
    case 'info':
      texts.push({ type: what, match: matchOf(condition?.[1], condition?.[2] ?? '') })
      return true
    case 'no_warn':
      command.noWarn = true
      return true
    case 'no_info':
      command.noInfo = true
      return true
    case 'ordered':
      command.isOrdered = true
      return true
    case 'string':
      command.string = rest.slice(1, -1)
      return true
    case 'range': {
      const [, from = '', to = '', step = ''] = vector ?? []
      command.rangeVector = {
        startMs: durationMs(from),
        endMs: durationMs(to),
        stepMs: durationMs(step),
      }
      return true
    }
    default:
      throw new Error(`unknown expectation: ${line}`)
  }
}

function matchOf(kind: string | undefined, text: string): ExpectedText['match'] {
  if (kind === undefined) return { kind: 'any' }
  return kind === 'msg' ? { kind: 'text', text } : { kind: 'pattern', pattern: new RegExp(text) }
}

function durationMs(text: string): number {
  const isNegative = text.startsWith('-')
  const parsed = parseDuration(isNegative ? text.slice(1) : text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return isNegative ? -parsed : parsed
}
