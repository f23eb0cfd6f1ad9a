import type { Signal } from '../../../contracts/signals.ts'
import type { Columns } from '../../../mechanisms/log-query/to-sql.ts'
import { quoteText } from '../../../mechanisms/log-query/to-sql.ts'

/** A column: its name, its type in the segments (JSON), and its SQL for what is read and sealed. */
interface Column {
  readonly name: string
  readonly hot: string
  readonly sealed: string
}

const text = (name: string): Column => ({ name, hot: 'VARCHAR', sealed: name })
const moment = (name: string): Column => ({
  name,
  hot: 'BIGINT',
  sealed: `make_timestamp(${name})`,
})

/** The columns of each signal, in the order of the Parquet files: docs/guides/parquet.md tells users of them. */
const TABLES: Readonly<Record<Signal, readonly Column[]>> = {
  logs: [
    moment('time'),
    moment('observed'),
    { name: 'seq', hot: 'BIGINT', sealed: 'seq' },
    { name: 'severity', hot: 'UTINYINT', sealed: 'severity' },
    ...['service', 'instance', 'source', 'trace', 'span', 'body'].map(text),
    { name: 'attributes', hot: 'JSON', sealed: 'attributes::VARCHAR' },
  ],
  spans: [
    moment('time'),
    moment('observed'),
    { name: 'seq', hot: 'BIGINT', sealed: 'seq' },
    { name: 'duration', hot: 'BIGINT', sealed: 'duration' },
    ...['service', 'instance', 'source', 'trace', 'span', 'parent', 'name', 'kind'].map(text),
    ...['status', 'message'].map(text),
    { name: 'events', hot: 'JSON', sealed: 'events::VARCHAR' },
    { name: 'attributes', hot: 'JSON', sealed: 'attributes::VARCHAR' },
  ],
}

/** A record of a segment is never longer. */
export const RECORD_BYTES_MAX = 2 * 1024 * 1024

/** The columns of a signal by name, in order. */
export function columnNames(signal: Signal): readonly string[] {
  return TABLES[signal].map(({ name }) => name)
}

/** SQL that reads segments as rows: whole lines only, without what marks the end of a group. */
export function selectHot(signal: Signal, paths: readonly string[]): string {
  const columns = TABLES[signal]
  const types = columns.map(({ name, hot }) => `${quoteText(name)}: '${hot}'`).join(', ')
  const list = columns.map(({ name, sealed }) => `${sealed} as ${name}`).join(', ')
  return `select ${list} from read_json([${paths.map(quoteText).join(', ')}], format = 'newline_delimited', columns = {${types}}, ignore_errors = true, maximum_object_size = ${RECORD_BYTES_MAX}) where seq is not null`
}

/** SQL that reads Parquet files as rows. */
export function selectSealed(signal: Signal, paths: readonly string[]): string {
  const list = columnNames(signal).join(', ')
  return `select ${list} from read_parquet([${paths.map(quoteText).join(', ')}])`
}

/** SQL of everything that lies in these files; without any a table that is empty. */
export function selectAll(
  signal: Signal,
  files: { readonly hot: readonly string[]; readonly sealed: readonly string[] },
): string {
  const parts = [
    ...(files.sealed.length > 0 ? [selectSealed(signal, files.sealed)] : []),
    ...(files.hot.length > 0 ? [selectHot(signal, files.hot)] : []),
  ]
  return parts.length > 0 ? parts.join(' union all ') : emptyTable(signal)
}

function emptyTable(signal: Signal): string {
  const list = TABLES[signal].map(({ name, hot, sealed }) => {
    const type = sealed.startsWith('make_timestamp')
      ? 'TIMESTAMP'
      : hot === 'JSON'
        ? 'VARCHAR'
        : hot
    return `null::${type} as ${name}`
  })
  return `select ${list.join(', ')} where false`
}

/** Fields that a search finds in columns, by all the names that people give them. */
export const SEARCH_COLUMNS: Readonly<Record<Signal, Columns>> = {
  logs: {
    body: 'body',
    numbers: new Map([['severity', 'severity']]),
    texts: new Map([
      ...['service', 'instance', 'source', 'trace', 'span', 'body'].map(same),
      ['level', levelSql()],
      ['message', 'body'],
      ['msg', 'body'],
      ['trace_id', 'trace'],
      ['span_id', 'span'],
    ]),
  },
  spans: {
    body: 'name',
    numbers: new Map([['duration', '(duration / 1000000.0)']]),
    texts: new Map([
      ...['service', 'instance', 'source', 'trace', 'span', 'parent', 'name', 'kind'].map(same),
      ...['status', 'message'].map(same),
      ['trace_id', 'trace'],
      ['span_id', 'span'],
    ]),
  },
}

function same(name: string): [string, string] {
  return [name, name]
}

/** The name of the level that a number belongs to. */
export function levelSql(): string {
  return "case when severity = 0 then '' when severity < 5 then 'trace' when severity < 9 then 'debug' when severity < 13 then 'info' when severity < 17 then 'warn' when severity < 21 then 'error' else 'fatal' end"
}
