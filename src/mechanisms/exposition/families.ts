import type { MetricType } from './reader.ts'

/** What stands behind the name of a family in the name of one of its samples. */
export type Suffix =
  | ''
  | '_total'
  | '_created'
  | '_count'
  | '_sum'
  | '_bucket'
  | '_gcount'
  | '_gsum'
  | '_info'

/** The samples that a family of each type may have (OpenMetrics 1.0, section "Metric Types"). */
export const suffixes: Readonly<Record<MetricType, readonly Suffix[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['', '_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [''],
  unknown: [''],
}

/** What the samples of one group at one time have shown. A group is a histogram, a summary, or a single series. */
interface GroupState {
  lastBound: number
  lastBucket: number
  hasBuckets: boolean
  hasNegativeBound: boolean
  count: number
  sum: number
}

/** A sample as the rules of its family see it. */
export interface FamilySample {
  readonly suffix: Suffix
  /** A number for all labels but `le`, `quantile` and that of a state set. */
  readonly group: number
  readonly value: number
  /** NaN where there is none. */
  readonly time: number
  /** Text of `le` or `quantile`; undefined where the label is missing. */
  readonly bound: string | undefined
  readonly hasState: boolean
  readonly hasExemplar: boolean
}

/** What OpenMetrics asks of the samples of one family. Each method returns what is wrong, or undefined. */
export class Family {
  readonly name: string
  type: MetricType = 'unknown'
  hasType = false
  hasHelp = false
  unit: string | undefined
  hasSamples = false
  readonly #groups = new Set<number>()
  #group: number | undefined
  #time = Number.NaN
  #state: GroupState = newState()

  constructor(name: string) {
    this.name = name
  }

  /** A name that one of its samples may have. */
  names(): readonly string[] {
    return [this.name, ...suffixes[this.type].map((suffix) => this.name + suffix)]
  }

  /** What its metadata say together. */
  checkMetadata(): string | undefined {
    const { unit = '', type, name } = this
    if (unit === '') return undefined
    if (!name.endsWith(`_${unit}`)) {
      return `unit ${JSON.stringify(unit)} not a suffix of metric ${JSON.stringify(name)}`
    }
    return type === 'info' || type === 'stateset'
      ? `a unit is not allowed for ${type} ${JSON.stringify(name)}`
      : undefined
  }

  take(sample: FamilySample): string | undefined {
    this.hasSamples = true
    return this.#enterGroup(sample) ?? this.#checkSample(sample)
  }

  /** Behind the last sample. */
  finish(): string | undefined {
    return this.#finishGroup()
  }

  #enterGroup({ group, time }: FamilySample): string | undefined {
    if (group !== this.#group) {
      const problem = this.#finishGroup()
      if (problem !== undefined) return problem
      if (this.#groups.has(group)) return `the samples of ${this.name} are not grouped`
      this.#groups.add(group)
      this.#group = group
      this.#time = time
      return undefined
    }
    if (Number.isNaN(time) !== Number.isNaN(this.#time)) {
      return `some samples of ${this.name} have a timestamp, others have none`
    }
    if (this.type === 'info' || Number.isNaN(time) || time === this.#time) return undefined
    if (time < this.#time) return `timestamps of ${this.name} go backwards`
    this.#time = time
    return this.#finishGroup()
  }

  #checkSample(sample: FamilySample): string | undefined {
    if (sample.hasExemplar && !mayHaveExemplar(this.type, sample.suffix)) {
      return `an exemplar is not allowed at ${this.name}${sample.suffix}`
    }
    const name = this.name + sample.suffix
    switch (this.type) {
      case 'counter':
        return sample.suffix === '_total' ? checkCount(name, sample.value) : undefined
      case 'info':
        return sample.value === 1 ? undefined : `the value of ${name} is not 1`
      case 'stateset':
        if (!sample.hasState) return `${name} has no label of its own name`
        return sample.value === 0 || sample.value === 1
          ? undefined
          : `the value of ${name} is neither 0 nor 1`
      case 'summary':
        return checkSummary(name, sample)
      case 'histogram':
      case 'gaugehistogram':
        return this.#takeHistogram(name, sample)
      case 'gauge':
      case 'unknown':
        return undefined
    }
  }

  #takeHistogram(name: string, { suffix, value, bound }: FamilySample): string | undefined {
    const state = this.#state
    if (suffix === '_created') return undefined
    if (suffix === '_bucket') return takeBucket(name, state, value, bound)
    if (suffix === '_gsum') {
      state.sum = value
      return Number.isNaN(value) ? `the value of ${name} is NaN` : undefined
    }
    if (suffix === '_sum') state.sum = value
    else state.count = value
    return checkCount(name, value)
  }

  /** Buckets, count and sum must fit to each other. */
  #finishGroup(): string | undefined {
    const state = this.#state
    this.#state = newState()
    if (this.#group === undefined) return undefined
    if (this.type !== 'histogram' && this.type !== 'gaugehistogram') return undefined
    const hasSum = !Number.isNaN(state.sum)
    const hasCount = !Number.isNaN(state.count)
    if (!state.hasBuckets && !hasSum && !hasCount) return undefined
    if (state.lastBound !== Infinity) return `${this.name} has no bucket le="+Inf"`
    if (hasCount && state.count !== state.lastBucket) {
      return `the count of ${this.name} is not that of its bucket le="+Inf"`
    }
    if (this.type === 'gaugehistogram') {
      if (hasSum && state.sum < 0 && !state.hasNegativeBound) {
        return `the sum of ${this.name} is negative, and no bucket is`
      }
    } else if (hasSum && state.hasNegativeBound) {
      return `${this.name} has a sum and negative buckets`
    }
    return hasSum === hasCount ? undefined : `${this.name} has only one of sum and count`
  }
}

function newState(): GroupState {
  return {
    lastBound: Number.NEGATIVE_INFINITY,
    lastBucket: 0,
    hasBuckets: false,
    hasNegativeBound: false,
    count: Number.NaN,
    sum: Number.NaN,
  }
}

function mayHaveExemplar(type: MetricType, suffix: Suffix): boolean {
  if (type === 'counter') return suffix === '_total'
  return (type === 'histogram' || type === 'gaugehistogram') && suffix === '_bucket'
}

function checkCount(name: string, value: number): string | undefined {
  return value >= 0 ? undefined : `the value of ${name} is ${value}, which no count can be`
}

function checkSummary(name: string, { suffix, value, bound }: FamilySample): string | undefined {
  if (suffix === '_created') return undefined
  if (suffix !== '') return checkCount(name, value)
  const quantile = numberOf(bound)
  if (quantile === undefined || !(quantile >= 0 && quantile <= 1)) {
    return `the quantile of ${name} is not between 0 and 1`
  }
  return value < 0 ? `the value of ${name} is negative` : undefined
}

function takeBucket(
  name: string,
  state: GroupState,
  value: number,
  text: string | undefined,
): string | undefined {
  const bound = numberOf(text)
  if (bound === undefined || Number.isNaN(bound)) return `${name} has no valid label le`
  if (state.hasBuckets && bound <= state.lastBound) return `the buckets of ${name} are not in order`
  if (!(value >= state.lastBucket)) return `the buckets of ${name} do not rise: ${value}`
  state.hasBuckets = true
  state.lastBound = bound
  state.lastBucket = value
  if (bound < 0) state.hasNegativeBound = true
  return undefined
}

function numberOf(text: string | undefined): number | undefined {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  if (text === 'NaN') return Number.NaN
  if (text === undefined || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    return undefined
  }
  return Number(text)
}
