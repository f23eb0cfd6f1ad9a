/** What an expression evaluates to: a range selector is a matrix. */
export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string'

/**
 * The arguments of each function: v a vector, m a matrix, s a scalar, t a text. `?` behind the last one: it may be missing. `*`: it may
 * be missing or come any number of times; a number: up to so many more. Behind `>` what it returns, where that is not a vector.
 * `!`: experimental.
 */
const signatures = {
  abs: 'v',
  absent: 'v',
  absent_over_time: 'm',
  acos: 'v',
  acosh: 'v',
  asin: 'v',
  asinh: 'v',
  atan: 'v',
  atanh: 'v',
  avg_over_time: 'm',
  ceil: 'v',
  changes: 'm',
  clamp: 'vss',
  clamp_max: 'vs',
  clamp_min: 'vs',
  cos: 'v',
  cosh: 'v',
  count_over_time: 'm',
  day_of_month: 'v?',
  day_of_week: 'v?',
  day_of_year: 'v?',
  days_in_month: 'v?',
  deg: 'v',
  delta: 'm',
  deriv: 'm',
  double_exponential_smoothing: '!mss',
  end: '!>s',
  exp: 'v',
  first_over_time: 'm',
  floor: 'v',
  histogram_avg: 'v',
  histogram_count: 'v',
  histogram_fraction: 'ssv',
  histogram_quantile: 'sv',
  histogram_quantiles: '!vtss9',
  histogram_stddev: 'v',
  histogram_stdvar: 'v',
  histogram_sum: 'v',
  hour: 'v?',
  idelta: 'm',
  increase: 'm',
  info: '!vv?',
  irate: 'm',
  label_join: 'vttt*',
  label_replace: 'vtttt',
  last_over_time: 'm',
  ln: 'v',
  log10: 'v',
  log2: 'v',
  mad_over_time: '!m',
  max_of: '!ss>s',
  max_over_time: 'm',
  min_of: '!ss>s',
  min_over_time: 'm',
  minute: 'v?',
  month: 'v?',
  pi: '>s',
  predict_linear: 'ms',
  present_over_time: 'm',
  quantile_over_time: 'sm',
  rad: 'v',
  range: '!>s',
  rate: 'm',
  resets: 'm',
  round: 'vs?',
  scalar: 'v>s',
  sgn: 'v',
  sin: 'v',
  sinh: 'v',
  sort: 'v',
  sort_by_label: '!vt*',
  sort_by_label_desc: '!vt*',
  sort_desc: 'v',
  sqrt: 'v',
  start: '!>s',
  stddev_over_time: 'm',
  stdvar_over_time: 'm',
  step: '!>s',
  sum_over_time: 'm',
  tan: 'v',
  tanh: 'v',
  time: '>s',
  timestamp: 'v',
  ts_of_first_over_time: '!m',
  ts_of_last_over_time: '!m',
  ts_of_max_over_time: '!m',
  ts_of_min_over_time: '!m',
  vector: 's',
  year: 'v?',
} as const

/** A function of the language. */
export type FunctionName = keyof typeof signatures

/** What a function takes and returns. */
export interface Signature {
  readonly name: FunctionName
  readonly args: readonly ValueType[]
  /** 0: exactly `args`. Else the last argument may be missing, or come up to `variadic` times; -1: any number of times. */
  readonly variadic: number
  readonly returns: ValueType
  readonly isExperimental: boolean
}

const types: ReadonlyMap<string, ValueType> = new Map([
  ['v', 'vector'],
  ['m', 'matrix'],
  ['s', 'scalar'],
  ['t', 'string'],
])

const functions: ReadonlyMap<string, Signature> = new Map(
  Object.entries(signatures).map(([name, text]) => [name, parseSignature(name, text)]),
)

/** The signature of a function by its name, if there is such a one. */
export function findFunction(name: string): Signature | undefined {
  return functions.get(name)
}

/** The names of all functions, sorted. */
export function functionNames(): readonly string[] {
  return [...functions.keys()]
}

function parseSignature(name: string, text: string): Signature {
  const [, experimental, args = '', rest, returns] =
    /^(!?)([vmst]*)([?*\d]?)(>s)?$/.exec(text) ?? []
  return {
    // The table's own keys.
    name: name as FunctionName,
    args: args.split('').flatMap((letter) => types.get(letter) ?? []),
    variadic: rest === '?' ? 1 : rest === '*' ? -1 : Number(rest),
    returns: returns === undefined ? 'vector' : 'scalar',
    isExperimental: experimental === '!',
  }
}
