/**
 * The event store, as an engine: durable events/s with 64 writers in groups of ten, one sequential writer beside one fsync of the same disk, events read
 * in a second, and the time from a commit to a subscriber. `node bench/events.ts`.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventEngine } from '../src/capabilities/events/engines/engine.ts'
import { openSqliteEngine } from '../src/capabilities/events/engines/sqlite/sqlite-engine.ts'
import type { NewEvent } from '../src/capabilities/events/model.ts'
import { createStore } from '../src/capabilities/events/store.ts'
import { catchUp } from '../src/capabilities/events/subscriptions/catch-up.ts'
import { Tail } from '../src/capabilities/events/subscriptions/tail.ts'
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
  await following(engine, 100, 5_000, 4_000)
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

/** From the acknowledgement of a commit to the last of all subscribers, at a steady rate. */
async function following(
  engine: EventEngine,
  subscribers: number,
  rate: number,
  forMs: number,
): Promise<void> {
  const limits = { eventBytesMax: 1 << 20, appendBytesMax: 1 << 24 }
  const store = createStore(engine, systemClock, () => limits)
  const tail = new Tail(engine, (error) => {
    throw error
  })
  const stop = new AbortController()
  const committed = new Map<number, number>()
  const waits: number[] = []
  const source = { kind: 'all', filter: undefined } as const
  const all = Array.from({ length: subscribers }, async () => {
    const messages = catchUp(store, tail, { source, from: 'end', signal: stop.signal })
    for await (const message of messages) {
      if (message.kind !== 'events') continue
      const now = performance.now()
      for (const { position } of message.events) {
        const at = committed.get(position)
        // What is seen before its writer was told has taken no time.
        waits.push(at === undefined ? 0 : now - at)
      }
    }
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const until = performance.now() + forMs
  const perTick = Math.ceil(rate / 100)
  const streams = [{ name: 'followed-1', expected: 'any' as const }]
  const appends: Promise<void>[] = []
  while (performance.now() < until) {
    const events = Array.from({ length: perTick }, newEvent)
    appends.push(
      engine.append({ streams, events, streamOf: events.map(() => 0) }).then((outcome) => {
        if (outcome.kind !== 'appended') return
        const now = performance.now()
        for (let n = 0; n < perTick; n++) committed.set(outcome.position - n, now)
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await Promise.all(appends)
  await new Promise((resolve) => setTimeout(resolve, 200))
  stop.abort()
  await Promise.all(all)
  tail.close()
  say(
    `${subscribers} subscribers at ${Math.round((appends.length * perTick) / (forMs / 1_000))} events/s`,
    `commit to subscriber p50 ${percentile(waits, 0.5)} ms, p99 ${percentile(waits, 0.99)} ms`,
  )
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
