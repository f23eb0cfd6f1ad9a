import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { openSqliteEngine } from '../engines/sqlite/sqlite-engine.ts'
import { createStore, type EventStore } from '../store.ts'
import { Tail } from '../subscriptions/tail.ts'

/** A store in a folder of its own, closed with the test. */
export async function openTestStore(
  t: TestContext,
  clock: Clock = systemClock,
): Promise<{ readonly store: EventStore; readonly tail: Tail; readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-events-'))
  const died = (error: unknown): never => {
    throw error
  }
  const engine = await openSqliteEngine({ file: join(folder, 'events.sqlite'), clock, died })
  const limits = { eventBytesMax: 1024 * 1024, appendBytesMax: 16 * 1024 * 1024 }
  const store = createStore(engine, clock, () => limits)
  const tail = new Tail(engine, died)
  t.after(async () => {
    tail.close()
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { store, tail, folder }
}
