import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import { Ingest } from '../ingest/ingest.ts'
import { Queries } from '../query/queries.ts'
import { SignalsStore } from '../store/store.ts'

/** A store of its own with what takes and what answers; gone after the test. */
export async function openLogs(t: TestContext, timeoutMs = () => 30_000) {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-logs-'))
  const ground = { clock: systemClock, log: () => {} }
  const store = await SignalsStore.open({ folder, ...ground, pendingMax: 64e6 })
  const engine = {
    folder,
    spillFolder: join(folder, 'spill', 'query'),
    memoryBytesMax: 256e6,
    spillBytesMax: 1e9,
    threads: 2,
  }
  const queries = new Queries({ store, ...ground, engine, timeoutMs })
  t.after(async () => {
    await queries.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, store, queries, ingest: new Ingest(store, systemClock) }
}
