import type { LogSearch } from '../../api/logs.ts'

/** What the page of logs shows, as it stands in its address: whoever opens the address sees the same. */
export interface LogsView {
  readonly query: string
  readonly signal: 'logs' | 'spans'
  /** `15m`, `1h`, ...; '' where `from` and `to` say it. */
  readonly last: string
  /** Unix milliseconds; 0 where `last` says it. */
  readonly from: number
  readonly to: number
  readonly tab: 'search' | 'live' | 'sql' | 'health'
  readonly sql: string
}

/** Spans of time that are offered. */
export const SPANS: readonly (readonly [name: string, ms: number])[] = [
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['6h', 21_600_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
]
const TABS = ['search', 'live', 'sql', 'health'] as const
const FIRST_SQL = `select service, count(*) as records, sum((severity >= 17)::int) as errors
from logs group by service order by records desc`

/** Reads what stands behind `#/logs/`. */
export function parseLogsView(text: string): LogsView {
  const said = new URLSearchParams(text)
  const [from, to] = [Number(said.get('from')), Number(said.get('to'))]
  const isFixed = from > 0 && to > from
  const last = said.get('last') ?? '1h'
  return {
    query: said.get('q') ?? '',
    signal: said.get('signal') === 'spans' ? 'spans' : 'logs',
    last: isFixed ? '' : SPANS.some(([name]) => name === last) ? last : '1h',
    from: isFixed ? from : 0,
    to: isFixed ? to : 0,
    tab: TABS.find((tab) => tab === said.get('tab')) ?? 'search',
    sql: said.get('sql') ?? FIRST_SQL,
  }
}

/** The other way round: only what is not the default. */
export function formatLogsView(view: LogsView): string {
  const said = new URLSearchParams()
  if (view.query !== '') said.set('q', view.query)
  if (view.signal !== 'logs') said.set('signal', view.signal)
  if (view.last !== '' && view.last !== '1h') said.set('last', view.last)
  if (view.last === '') {
    said.set('from', String(view.from))
    said.set('to', String(view.to))
  }
  if (view.tab !== 'search') said.set('tab', view.tab)
  if (view.sql !== FIRST_SQL) said.set('sql', view.sql)
  return said.toString()
}

/** What is asked for at this moment. */
export function searchOf({ query, signal, last, from, to }: LogsView, nowMs: number): LogSearch {
  const ms = SPANS.find(([name]) => name === last)?.[1]
  return ms === undefined
    ? { query, signal, from, to }
    : { query, signal, from: nowMs - ms, to: nowMs + 1_000 }
}

/** A search with another term at its end; a value with spaces or signs is quoted. */
export function addTerm(query: string, field: string, value: string, isNot = false): string {
  const name = field.replaceAll(/[\s()":<>=\\]/g, '\\$&')
  const text =
    /^[\w./@%-]+$/.test(value) && !value.startsWith('-')
      ? value
      : `"${value.replaceAll(/["\\]/g, '\\$&')}"`
  const term = `${isNot ? '-' : ''}${name}:${text}`
  if (query.split(' ').includes(term)) return query
  return query.trim() === '' ? term : `${query.trim()} ${term}`
}
