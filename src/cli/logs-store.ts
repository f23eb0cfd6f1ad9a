import { levelOf, severityOfName } from '../mechanisms/log-query/severity.ts'
import type { OutputLine } from '../contracts/supervisor.ts'
import { CommandError, type AdminClient } from './admin-client.ts'

/** Records of one answer. */
const PAGE_ROWS = 5_000

/** What is looked for in the store of logs. */
export interface StoreSearch {
  /** Services or instances; none: all. */
  readonly names: readonly string[]
  /** Unix milliseconds; 0: the last day. */
  readonly sinceMs: number
  readonly nowMs: number
  /** Text in any case; '' for none. */
  readonly grep: string
  /** The lowest level; '' for all. */
  readonly level: string
  readonly limit: number
}

/** A line of the store, with its level. */
export interface StoredLine extends OutputLine {
  readonly level: string
}

interface Row {
  readonly time: number
  readonly seq: number
  readonly service: string
  readonly instance: string
  readonly source: string
  readonly severity: number
  readonly body: string
  readonly attributes: Readonly<Record<string, unknown>>
}

/** Whether `--level` names one. */
export function isLevel(name: string): boolean {
  return severityOfName(name) > 0
}

/** The newest lines that are found, oldest first; undefined where nobody answers for the store just now. */
export async function searchStore(
  admin: AdminClient,
  search: StoreSearch,
): Promise<readonly StoredLine[] | undefined> {
  const found: Row[] = []
  try {
    for (;;) {
      const asked = queryOf(search, Math.min(PAGE_ROWS, search.limit - found.length), found.at(-1))
      const path = `/api/v1/telemetry/logs/search?${asked}`
      const { rows, isCut } = (await admin.call('GET', path)) as {
        rows: readonly Row[]
        isCut: boolean
      }
      found.push(...rows)
      if (!isCut || found.length >= search.limit) break
    }
  } catch (error) {
    if (error instanceof CommandError && AWAY.has(error.code)) return undefined
    throw error
  }
  return found.toReversed().map(lineOf)
}

/** Telemetry is away, or cannot search. */
const AWAY = new Set(['ERR_HTTP_PROCESS_AWAY', 'ERR_LOGS_STARTING', 'ERR_LOGS_ENGINE_MISSING'])
const DAY_MS = 86_400_000

function queryOf(search: StoreSearch, limit: number, before: Row | undefined): string {
  const { names, sinceMs, nowMs, grep, level } = search
  const quoted = names.map((name) => JSON.stringify(name)).join(' OR ')
  const terms = [
    ...(names.length === 0 ? [] : [`(service:(${quoted}) OR instance:(${quoted}))`]),
    ...(grep === '' ? [] : [JSON.stringify(grep.toLowerCase())]),
    ...(level === '' ? [] : [`level>=${level}`]),
  ]
  const asked = new URLSearchParams({
    query: terms.join(' '),
    from: String(Math.max(0, Math.floor(sinceMs === 0 ? nowMs - DAY_MS : sinceMs))),
    to: String(nowMs + DAY_MS),
    limit: String(limit),
  })
  if (before !== undefined) {
    asked.set('beforeTime', String(before.time))
    asked.set('beforeSeq', String(before.seq))
  }
  return asked.toString()
}

function lineOf(row: Row): StoredLine {
  const more = Object.keys(row.attributes).length === 0 ? '' : ` ${JSON.stringify(row.attributes)}`
  return {
    seq: row.seq,
    atMs: row.time / 1_000,
    process: row.instance === '' ? row.service : row.instance,
    stream: row.source === 'stderr' ? 'stderr' : 'stdout',
    text: row.body + more,
    level: levelOf(row.severity),
  }
}
