/**
 * The event store, as an engine: durable events/s with 64 writers in groups of ten, one sequential writer beside one fsync of the same disk, events read
 * in a second, and the time from a commit to a subscriber. `node bench/events.ts [--engine-only]`.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventEngine } from '../src/capabilities/events/engines/engine.ts'
import { openSqliteEngine } from '../src/capabilities/events/engines/sqlite/sqlite-engine.ts'
import type { NewEvent } from '../src/capabilities/events/model.ts'
import { systemClock } from '../src/platform/clock.ts'

const PAYLOAD = Buffer.from(JSON.stringify({ text: 'x'.repeat(188) }))
const NOTHING = Buffer.alloc(0)
const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-events-'))
try {
  const engine = await openSqliteEngine({
    file: join(folder, 'events.sqlite'),
    clock: systemClock,
    died: (error) => {
      throw error
    },
  })
  say('payload', `${PAYLOAD.length} bytes`)
  await writers(engine, 64, 10, 3_000)
  await writers(engine, 64, 1, 3_000)
  const fsyncs = syncs(folder, 2_000)
  const alone = await writers(engine, 1, 1, 3_000)
  say('one writer / one fdatasync', (alone / fsyncs).toFixed(2))
  await reading(engine)
  await engine.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Events a second. */
async function writers(
  engine: EventEngine,
  count: number,
  group: number,
  forMs: number,
): Promise<number> {
  const until = performance.now() + forMs
  const cpu = process.cpuUsage()
  let stored = 0
  const waits: number[] = []
  await Promise.all(
    Array.from({ length: count }, async (_, writer) => {
      for (let n = 0; performance.now() < until; n++) {
        const events = Array.from({ length: group }, newEvent)
        const name = `order-${writer}-${n % 50}`
        const from = performance.now()
        const streams = [{ name, expected: 'any' as const }]
        const outcome = await engine.append({ streams, events, streamOf: events.map(() => 0) })
        waits.push(performance.now() - from)
        if (outcome.kind === 'appended') stored += group
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  const rate = stored / (forMs / 1_000)
  say(
    `${count} writers, groups of ${group}`,
    `${Math.round(rate)} events/s, p50 ${percentile(waits, 0.5)} ms, p99 ${percentile(waits, 0.99)} ms, ${((user + system) / stored).toFixed(1)} us CPU an event`,
  )
  return rate
}

/** Syncs a second of this disk, of a few hundred bytes each. */
function syncs(where: string, forMs: number): number {
  const file = openSync(join(where, 'sync'), 'w')
  const until = performance.now() + forMs
  let count = 0
  for (; performance.now() < until; count++) {
    writeSync(file, PAYLOAD)
    fdatasyncSync(file)
  }
  closeSync(file)
  const rate = count / (forMs / 1_000)
  say('one fdatasync after the other', `${Math.round(rate)}/s`)
  return rate
}

async function reading(engine: EventEngine): Promise<void> {
  const started = performance.now()
  const source = { kind: 'all', filter: undefined } as const
  const bounds = { eventsMax: 4_096, bytesMax: 4 << 20, windowMax: 4_096, nowUs: 0 }
  let count = 0
  let from = 0
  for (let isEnd = false; !isEnd;) {
    const page = await engine.read({ source, from, isBackwards: false, ...bounds })
    count += page.events.length
    from = page.next
    isEnd = page.isEnd
  }
  const seconds = (performance.now() - started) / 1_000
  say('read of all', `${Math.round(count / seconds)} events/s (${count} events)`)
}

function newEvent(): NewEvent {
  return { id: randomUUID(), type: 'placed', isJson: true, data: PAYLOAD, metadata: NOTHING }
}

function percentile(values: number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2)
}

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(34)} ${figure}\n`)
}
