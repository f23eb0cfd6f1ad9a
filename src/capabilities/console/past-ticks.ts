import type { IncomingMessage } from 'node:http'
import { request } from '../../platform/http/node-http.ts'
import type { EdgeTotals, InstanceTotals } from '../../contracts/snapshot.ts'
import { LATENCY_BOUNDS_MS } from '../../contracts/snapshot.ts'
import type { SeriesAnswer, SeriesPoint, SeriesRow } from '../../contracts/telemetry.ts'
import type { Tick } from '../../contracts/feed.ts'
import type { Clock } from '../../platform/capability.ts'
import { createTickStore, TICKS_MAX } from './ticks.ts'

/** Telemetry that does not answer by then is asked no more: the charts begin now. */
const ANSWER_TIMEOUT_MS = 5_000
/** An answer larger than this is not read. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TICK_MS = 1_000
const BUCKETS = LATENCY_BOUNDS_MS.length + 1

/** Asks telemetry, on its Unix socket, for the last ten minutes; empty while it is away. */
export async function readPastTicks(socketPath: string, clock: Clock): Promise<readonly Tick[]> {
  const abort = new AbortController()
  const cancel = clock.after(ANSWER_TIMEOUT_MS, () => abort.abort())
  const nowMs = clock.nowMs()
  const range = `step=${TICK_MS}&from=${nowMs - TICKS_MAX * TICK_MS}&to=${nowMs}`
  const ask = (by: string): Promise<SeriesAnswer> =>
    getJson(socketPath, `/api/v1/telemetry/series?by=${by}&${range}`, abort.signal)
  try {
    return ticksOf(await ask('edge'), await ask('instance'))
  } catch {
    return []
  } finally {
    cancel()
  }
}

/** The ticks that were told while these were counted. CPU and memory of processes are not remembered: they are 0. */
export function ticksOf(edges: SeriesAnswer, instances: SeriesAnswer): readonly Tick[] {
  const edgeCounts = edges.series.map((row) => new RunningCount(row))
  const instanceCounts = instances.series.map((row) => new RunningCount(row))
  const all = [...edgeCounts, ...instanceCounts]
  const firstMs = Math.min(...all.map(({ firstMs: first }) => first))
  const lastMs = Math.max(...all.map(({ lastMs: last }) => last))
  const store = createTickStore()
  // One step before the first point: a rate needs two samples.
  for (let atMs = firstMs - TICK_MS; atMs <= lastMs; atMs += TICK_MS) {
    store.take({
      atMs,
      edges: edgeCounts.map((count) => count.edgeAt(atMs)),
      instances: instanceCounts.map((count) => count.instanceAt(atMs)),
      useOf: () => undefined,
    })
  }
  return store.ticks()
}

/** Adds up the points of one series as time goes on. */
class RunningCount {
  readonly #row: SeriesRow
  readonly #latencyCounts: number[] = Array.from({ length: BUCKETS }, () => 0)
  #next = 0
  #ok = 0
  #errors = 0
  #failures = 0
  #inFlight = 0

  constructor(row: SeriesRow) {
    this.#row = row
  }

  get firstMs(): number {
    return this.#row.points[0]?.atMs ?? Infinity
  }

  get lastMs(): number {
    return this.#row.points.at(-1)?.atMs ?? -Infinity
  }

  edgeAt(atMs: number): EdgeTotals {
    const { caller, route, service } = this.#row
    const counts = this.#countsAt(atMs)
    const sizes = { requestBytes: 0, responseBytes: 0, latencySumMs: 0 }
    return { caller, route, service, ...counts, reasons: {}, retries: this.#failures, ...sizes }
  }

  instanceAt(atMs: number): InstanceTotals {
    const { service, id } = this.#row
    const counts = this.#countsAt(atMs)
    const rest = { connections: 0, latencySumMs: 0, ejectedUntilMs: 0 }
    return { service, id, ...counts, failures: this.#failures, ...rest }
  }

  #countsAt(atMs: number): Pick<EdgeTotals, 'statuses' | 'latencyCounts' | 'inFlight'> {
    const { points } = this.#row
    while (this.#next < points.length && points[this.#next]!.atMs <= atMs) {
      this.#add(points[this.#next++]!)
    }
    return {
      statuses: [0, 0, this.#ok, 0, 0, this.#errors],
      latencyCounts: [...this.#latencyCounts],
      inFlight: this.#inFlight,
    }
  }

  #add(point: SeriesPoint): void {
    this.#ok += point.requests - point.errors
    this.#errors += point.errors
    this.#failures += point.failures
    this.#inFlight = point.inFlight
    for (let at = 0; at + 1 < point.latency.length; at += 2) {
      this.#latencyCounts[point.latency[at]!]! += point.latency[at + 1]!
    }
  }
}

async function getJson<Answer>(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): Promise<Answer> {
  const answered = Promise.withResolvers<IncomingMessage>()
  request({ socketPath, path, headers: { host: 'localhost' }, signal })
    .on('response', answered.resolve)
    .on('error', answered.reject)
    .end()
  const answer = await answered.promise
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError(`telemetry answers more than ${bytes} bytes`)
    chunks.push(chunk)
  }
  if (answer.statusCode !== 200) throw new Error(`telemetry answers ${answer.statusCode}`)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Answer
}
