import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../platform/capability.ts'
import type { Head } from './engine/engine.ts'
import type { Cell } from './engine/messages.ts'
import type { LogsHouse } from './house.ts'
import { ANSWER_CHARACTERS_MAX } from './query/queries.ts'
import { clientOf, openHouse, rangeOf } from './routes-ground.ts'

/** Rows of one answer of SQL, and of one export. */
const SQL_ROWS_MAX = 10_000
const EXPORT_ROWS_MAX = 10_000_000
/** Characters of a statement. */
const SQL_LENGTH_MAX = 65_536

interface SqlBody {
  readonly sql: string
  readonly from?: number
  readonly to?: number
  readonly limit: number
  readonly format: 'json' | 'ndjson' | 'csv'
}

/** `POST /api/v1/telemetry/sql`: read-only SQL over `logs` and `spans`, as JSON, or as a file that streams. */
export function registerExportRoutes(
  app: FastifyInstance,
  house: () => LogsHouse | undefined,
  clock: Clock,
): void {
  app.post<{ Body: SqlBody }>('/api/v1/telemetry/sql', {
    schema: {
      summary: 'Read-only SQL (DuckDB) over the tables logs and spans.',
      body: {
        type: 'object',
        required: ['sql'],
        additionalProperties: false,
        properties: {
          sql: { type: 'string', minLength: 1, maxLength: SQL_LENGTH_MAX },
          from: {
            type: 'integer',
            minimum: 0,
            description: 'Unix milliseconds; default: a day before `to`',
          },
          to: { type: 'integer', minimum: 0, description: 'Unix milliseconds; default: now' },
          limit: { type: 'integer', minimum: 1, maximum: EXPORT_ROWS_MAX, default: 1_000 },
          format: { enum: ['json', 'ndjson', 'csv'], default: 'json' },
        },
      },
    },
    handler: async ({ body }, reply) => {
      const { queries } = openHouse(house)
      const range = rangeOf(body, clock)
      const client = clientOf(reply)
      if (body.format === 'json') {
        const rows: (readonly Cell[])[] = []
        let head: Head = { names: [], types: [] }
        const limit = Math.min(body.limit, SQL_ROWS_MAX)
        const isCut = await queries.sql(
          body.sql,
          range,
          limit,
          client,
          (told) => (head = told),
          (more) => void rows.push(...more),
          ANSWER_CHARACTERS_MAX,
        )
        return { names: head.names, types: head.types, rows, isCut }
      }
      const write = body.format === 'csv' ? csvOf : ndjsonOf
      let names: readonly string[] = []
      await queries
        .sql(
          body.sql,
          range,
          body.limit,
          client,
          (head) => {
            names = head.names
            reply.hijack()
            reply.raw.writeHead(200, {
              'content-type':
                body.format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
              'content-disposition': `attachment; filename="logs.${body.format}"`,
              'x-content-type-options': 'nosniff',
            })
            if (body.format === 'csv') reply.raw.write(`${names.map(csvCell).join(',')}\r\n`)
          },
          (rows) => writeAll(reply.raw, write(names, rows)),
        )
        .then(
          () => reply.raw.end(),
          (error: unknown) => {
            // An answer that has begun can only break off, so that nobody takes it for whole.
            if (!reply.raw.headersSent) throw error
            reply.raw.destroy()
          },
        )
      return reply
    },
  })
}

async function writeAll(raw: ServerResponse, text: string): Promise<void> {
  if (raw.write(text)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      raw.off('drain', go)
      raw.off('close', go)
      resolve()
    }
    raw.on('drain', go)
    raw.on('close', go)
  })
}

function ndjsonOf(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return rows
    .map(
      (row) =>
        `${JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at] ?? null])))}\n`,
    )
    .join('')
}

function csvOf(_names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** RFC 4180. A cell that a spreadsheet would take for a formula is quoted by an apostrophe. */
function csvCell(cell: Cell): string {
  const text = cell === null ? '' : typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
  const safe = typeof cell === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
