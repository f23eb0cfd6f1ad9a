import { quote } from '../../../mechanisms/go-text/go-text.ts'
import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import { parseDuration } from '../../../mechanisms/promql/syntax/durations.ts'
import { parseSelector } from '../../../mechanisms/promql/syntax/parse.ts'
import { ParseError } from '../../../mechanisms/promql/syntax/parse-error.ts'
import { ProblemError } from '../../../platform/problem.ts'

/** Times of the API are between these, so that adding a look back overflows nothing. Milliseconds. */
export const TIME_MIN_MS = -(2 ** 50)
/** See `TIME_MIN_MS`. */
export const TIME_MAX_MS = 2 ** 50

/** What a client said wrongly, in Prometheus' words. */
export function badData(message: string): ProblemError {
  return new ProblemError(400, 'ERR_METRICS_BAD_DATA', message, { errorType: 'bad_data' })
}

function invalid(name: string, why: string): ProblemError {
  return badData(`invalid parameter ${quote(name)}: ${why}`)
}

/** The parameters of a request: those of a form in its body, and those of its URL. */
export class Parameters {
  readonly #form: URLSearchParams
  readonly #url: URLSearchParams

  constructor(url: string, form: string) {
    this.#form = new URLSearchParams(form)
    const at = url.indexOf('?')
    this.#url = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  }

  /** '' where there is none. */
  get(name: string): string {
    return this.#form.get(name) ?? this.#url.get(name) ?? ''
  }

  all(name: string): readonly string[] {
    return [...this.#form.getAll(name), ...this.#url.getAll(name)]
  }

  /** Seconds since 1970, with a fraction, or RFC 3339. Throws `ProblemError`. */
  timeMs(name: string, missing: number): number {
    const text = this.get(name)
    if (text === '') return missing
    const timeMs = parseTimeMs(text)
    if (timeMs === undefined) {
      throw invalid(name, `cannot parse ${quote(text)} to a valid timestamp`)
    }
    return timeMs
  }

  /** Seconds with a fraction, or `5m`. 0 where it is missing. Throws `ProblemError`. */
  durationMs(name: string): number {
    const text = this.get(name)
    if (text === '') return 0
    const durationMs = parseDurationMs(text)
    if (durationMs === undefined) {
      throw invalid(name, `cannot parse ${quote(text)} to a valid duration`)
    }
    return durationMs
  }

  /** A whole number from 0 on; 0 where it is missing. Throws `ProblemError`. */
  limit(name = 'limit'): number {
    const text = this.get(name)
    if (text === '') return 0
    if (!/^[+-]?\d{1,15}$/.test(text)) {
      throw invalid(name, `strconv.ParseInt: parsing ${quote(text)}: invalid syntax`)
    }
    const limit = Number(text)
    if (limit < 0) throw invalid(name, 'limit must be non-negative')
    return limit
  }

  /** The selectors of `match[]`. Throws `ProblemError`. */
  matchers(): readonly (readonly Matcher[])[] {
    return this.all('match[]').map((text) => {
      const matchers = parseMatchers(text)
      if (matchers.every(matchesEmpty)) {
        throw badData('match[] must contain at least one non-empty matcher')
      }
      return matchers
    })
  }
}

function parseMatchers(text: string): readonly Matcher[] {
  try {
    return parseSelector(text, {
      experimentalFunctions: false,
      extendedRangeSelectors: false,
      fillModifiers: false,
    })
  } catch (error) {
    if (error instanceof ParseError) throw invalid('match[]', error.message)
    throw error
  }
}

/** Expressions are not compiled for this: what may match nothing and is none of these is let through. */
function matchesEmpty({ kind, value }: Matcher): boolean {
  switch (kind) {
    case '=':
      return value === ''
    case '!=':
      return value !== ''
    case '=~':
      return value === '' || value === '.*'
    case '!~':
      return value !== '' && value !== '.*' && value !== '.+'
  }
}

/** Undefined where it is neither seconds nor RFC 3339. */
export function parseTimeMs(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    return Math.min(TIME_MAX_MS, Math.max(TIME_MIN_MS, Math.round(Number(text) * 1_000)))
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return undefined
  const timeMs = Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

function parseDurationMs(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    const durationMs = Number(text) * 1_000
    return Math.abs(durationMs) > TIME_MAX_MS ? undefined : Math.round(durationMs)
  }
  const durationMs = parseDuration(text)
  return typeof durationMs === 'number' ? durationMs : undefined
}
