import { once } from 'node:events'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Served } from '../served.ts'
import { eventJson } from './event-json.ts'
import { importLines } from './import-lines.ts'

const BASE = '/api/v1/events'
const NDJSON = 'application/x-ndjson'

/** What an operator does with the whole store. */
export interface Maintenance {
  /** Removes what may go. Events that were removed. */
  scavenge(): Promise<number>
  /** A copy of the store in the data folder; its path. */
  backup(): Promise<string>
}

/** Export, import, backup and scavenging: only for the operator, behind the console's door. */
export function registerMaintenanceRoutes(
  app: FastifyInstance,
  served: () => Served,
  maintenance: () => Maintenance,
): void {
  app.post(`${BASE}/scavenge`, {
    schema: { summary: 'Removes what bounds and deletions of streams have set free, now.' },
    handler: async () => ({ removed: await maintenance().scavenge() }),
  })
  app.post(`${BASE}/backup`, {
    schema: { summary: 'Copies the store into the data folder while it runs; a copy is a store.' },
    handler: async () => ({ file: await maintenance().backup() }),
  })
  app.get<{ Querystring: { readonly from: number } }>(`${BASE}/export`, {
    schema: {
      summary: 'Every event from a position on, one a line (NDJSON).',
      querystring: {
        type: 'object',
        properties: { from: { type: 'integer', minimum: 0, default: 0 } },
      },
    },
    handler: ({ query: { from } }, reply) => exportEvents(served(), from, reply),
  })
  void app.register((scope, _options, done) => {
    scope.addContentTypeParser(NDJSON, (_request, payload, parsed) => parsed(null, payload))
    scope.post<{ Body: AsyncIterable<Buffer> }>(`${BASE}/import`, {
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        summary:
          'Appends events, one a line as the export has them; their ids make a repetition harmless.',
      },
      handler: ({ body }) => importLines(served(), body),
    })
    done()
  })
}

/** To the position that was the end when it began. */
async function exportEvents(
  { store, log }: Served,
  first: number,
  reply: FastifyReply,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  const gone = new AbortController()
  raw.on('close', () => gone.abort())
  raw.writeHead(200, { 'content-type': NDJSON, 'x-content-type-options': 'nosniff' })
  const end = store.engine.end()
  try {
    for (let from = first; from < end && !gone.signal.aborted;) {
      const source = { kind: 'all', filter: undefined } as const
      const page = await store.readPage({ source, from, isBackwards: false })
      const lines = page.events.filter(({ position }) => position < end)
      const text = lines.map((event) => `${oneLine(eventJson(event))}\n`).join('')
      if (text !== '' && !raw.write(text)) await once(raw, 'drain', { signal: gone.signal })
      if (page.isEnd) break
      from = page.next
    }
    raw.end()
  } catch (error) {
    if (gone.signal.aborted) return
    log('error', 'an export has failed', { error })
    // A connection that breaks off is not taken for a whole export.
    raw.destroy()
  }
}

function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, ' ')
}
