import type { TimelineEvent } from '../../contracts/timeline.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import { EVENTS_MAX } from './event-ring.ts'

const migrations = [
  `CREATE TABLE timeline_events (
     seq INTEGER PRIMARY KEY,
     body TEXT NOT NULL
   ) STRICT`,
]

/** Events on disk: what happened before a restart is what people look for after it. */
export interface EventStore {
  load(): Promise<readonly TimelineEvent[]>
  /** Stores these and forgets those below `oldest`. Throws `StorageError`. */
  save(events: readonly TimelineEvent[], oldest: number): Promise<void>
}

/** Opens the table of the timeline. */
export async function openEventStore(storage: Storage): Promise<EventStore> {
  await storage.migrate('timeline', migrations)
  return {
    async load() {
      const rows = await storage.read(
        `SELECT body FROM (SELECT seq, body FROM timeline_events ORDER BY seq DESC LIMIT ${EVENTS_MAX}) ORDER BY seq`,
      )
      return rows.flatMap(({ body }) => parse(String(body)))
    },
    async save(events, oldest) {
      await storage.write([
        ...events.map((event) => ({
          sql: 'INSERT OR REPLACE INTO timeline_events VALUES (?, ?)',
          params: [event.seq, JSON.stringify(event)],
        })),
        { sql: 'DELETE FROM timeline_events WHERE seq < ?', params: [oldest] },
      ])
    },
  }
}

/** A row that somebody has damaged is left out: nothing depends on it. */
function parse(body: string): readonly TimelineEvent[] {
  try {
    const event = JSON.parse(body) as TimelineEvent
    const isEvent = Number.isInteger(event.seq) && Number.isFinite(event.atMs)
    const hasTexts = [event.text, event.service, event.instance, event.kind].every(
      (text) => typeof text === 'string',
    )
    return isEvent && hasTexts ? [event] : []
  } catch {
    return []
  }
}
