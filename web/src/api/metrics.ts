import { send } from './actions.ts'

/** Prometheus' API, as far as it only reads, on this origin. */
const BASE = '/api/v1/metrics/api/v1'

/** A series of a range query: seconds and values. */
export interface RangeSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [seconds: number, value: string])[]
}

/** An element of an instant query. */
export interface InstantSample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [seconds: number, value: string]
}

/** A target as `targets` tells it. */
export interface TargetView {
  readonly labels: Readonly<Record<string, string>>
  readonly scrapePool: string
  readonly scrapeUrl: string
  readonly lastError: string
  readonly lastScrape: string
  readonly lastScrapeDuration: number
  readonly health: 'up' | 'down' | 'unknown'
  readonly scrapeInterval: string
}

/** Names with counts, the largest first. */
export type CountRows = readonly { readonly name: string; readonly value: number }[]

/** The answer of `status/tsdb`. */
export interface StoreStatus {
  readonly headStats: { readonly numSeries: number; readonly numLabelPairs: number }
  readonly seriesCountByMetricName: CountRows
  readonly labelValueCountByLabelName: CountRows
  readonly memoryInBytesByLabelName: CountRows
  readonly seriesCountByLabelValuePair: CountRows
}

/** A pending or firing alert of a rule. */
export interface RuleAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
  readonly activeAt: string
  readonly value: string
}

async function read(path: string, parameters: Readonly<Record<string, string>> = {}) {
  const query = new URLSearchParams(parameters).toString()
  const answer = (await send('GET', `${BASE}/${path}${query === '' ? '' : `?${query}`}`)) as {
    readonly data: unknown
  }
  return answer.data
}

/** Series of an expression over a time, in at most so many steps. Seconds. Throws `ActionError`. */
export async function queryRange(
  query: string,
  { fromS, toS, stepS }: { readonly fromS: number; readonly toS: number; readonly stepS: number },
): Promise<readonly RangeSeries[]> {
  const [start, end, step] = [fromS, toS, stepS].map(String) as [string, string, string]
  const data = (await read('query_range', { query, start, end, step })) as {
    readonly result: readonly RangeSeries[]
  }
  return data.result
}

/** A vector now; a number is an element without labels. Throws `ActionError`. */
export async function queryNow(query: string): Promise<readonly InstantSample[]> {
  const data = (await read('query', { query })) as
    | { readonly resultType: 'vector'; readonly result: readonly InstantSample[] }
    | { readonly resultType: 'scalar'; readonly result: InstantSample['value'] }
    | { readonly resultType: 'matrix' | 'string' }
  if (data.resultType === 'vector') return data.result
  return data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : []
}

/** Names of all metrics. Throws `ActionError`. */
export async function loadMetricNames(): Promise<readonly string[]> {
  return (await read('label/__name__/values', { limit: '10000' })) as readonly string[]
}

/** Every target. Throws `ActionError`. */
export async function loadTargets(): Promise<readonly TargetView[]> {
  return ((await read('targets')) as { readonly activeTargets: readonly TargetView[] })
    .activeTargets
}

/** What the store holds, and which names and labels have the most of it. Throws `ActionError`. */
export async function loadStoreStatus(): Promise<StoreStatus> {
  return (await read('status/tsdb', { limit: '20' })) as StoreStatus
}

/** Alerts of all rules, pending ones too. Throws `ActionError`. */
export async function loadRuleAlerts(): Promise<readonly RuleAlert[]> {
  return ((await read('alerts')) as { readonly alerts: readonly RuleAlert[] }).alerts
}
