/**
 * What data tells telemetry over a Unix socket, and nothing else. Telemetry listens, data connects, says `hello` first, and sends finished
 * requests and totals. A frame is a 4-byte big-endian length, a byte that says what it is, and the rest. Telemetry acknowledges frames by their
 * count; what is not acknowledged is bounded, and kept until it is.
 */
import type { EdgeTotals, InstanceTotals } from './snapshot.ts'

/** A longer frame is no frame: the connection is closed. */
export const TELEMETRY_FRAME_BYTES_MAX = 16 * 1024 * 1024

/** What a frame is. */
export const TELEMETRY_FRAME = {
  /** JSON: `TelemetryHello`. */
  hello: 1,
  /** Two bytes of worker, and a batch of records (src/contracts/records.ts). */
  records: 2,
  /** JSON: `ChangesMessage`. */
  changes: 3,
  /** Back: four bytes, so many frames (`hello` not counted) have been taken since the last acknowledgement. */
  acknowledge: 4,
} as const

/**
 * What was counted since the message before, once a second: rows in which something changed, as differences (`inFlight`, `connections` and
 * `ejectedUntilMs` are values). While telemetry is away nothing is gathered.
 */
export interface ChangesMessage {
  readonly type: 'changes'
  readonly atMs: number
  /** Another message of the same second follows. */
  readonly more?: true
  readonly edges: readonly EdgeTotals[]
  readonly instances: readonly InstanceTotals[]
}

/** Who sends. */
export interface TelemetryHello {
  readonly pid: number
  readonly startedAtMs: number
}

const LENGTH_BYTES = 4
const HEADER_BYTES = LENGTH_BYTES + 1

/** One frame around `parts`, copied. */
export function encodeTelemetryFrame(kind: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.length, 1)
  const frame = Buffer.allocUnsafeSlow(LENGTH_BYTES + bytes)
  frame.writeUInt32BE(bytes, 0)
  frame[LENGTH_BYTES] = kind
  let at = HEADER_BYTES
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}

/** The stream cannot be understood any more: the connection must be closed. */
export class TelemetryFrameError extends Error {
  readonly code = 'ERR_TELEMETRY_FRAME'

  constructor(bytes: number) {
    super(`A frame of ${bytes} bytes: between 1 and ${TELEMETRY_FRAME_BYTES_MAX} are allowed.`)
    this.name = 'TelemetryFrameError'
  }
}

/** Takes the bytes of one direction in pieces of any size. */
export class TelemetryFrameReader {
  readonly #onFrame: (kind: number, payload: Buffer) => void
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerLength = 0
  #payload: Buffer | null = null
  #payloadLength = 0

  /** `onFrame` gets each frame once it is whole; the payload is its own. */
  constructor(onFrame: (kind: number, payload: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** @throws TelemetryFrameError for a length that no frame has. */
  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at +=
        this.#payload === null
          ? this.#takeHeader(chunk, at)
          : this.#takePayload(this.#payload, chunk, at)
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerLength, at)
    this.#headerLength += taken
    if (this.#headerLength < HEADER_BYTES) return taken
    const bytes = this.#header.readUInt32BE(0)
    if (bytes === 0 || bytes > TELEMETRY_FRAME_BYTES_MAX) throw new TelemetryFrameError(bytes)
    this.#payloadLength = 0
    this.#payload = Buffer.allocUnsafeSlow(bytes - 1)
    if (bytes === 1) this.#finish(this.#payload)
    return taken
  }

  #takePayload(payload: Buffer, chunk: Buffer, at: number): number {
    const taken = chunk.copy(payload, this.#payloadLength, at)
    this.#payloadLength += taken
    if (this.#payloadLength === payload.length) this.#finish(payload)
    return taken
  }

  #finish(payload: Buffer): void {
    this.#payload = null
    this.#headerLength = 0
    this.#onFrame(this.#header[LENGTH_BYTES]!, payload)
  }
}

/** Answer of `GET /api/v1/telemetry/series`. */
export interface SeriesAnswer {
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
  /** Series that are not told, because the answer would be too large; the busiest are. */
  readonly left: number
  readonly series: readonly SeriesRow[]
}

/** One series: of an edge, a route, a service or an instance; what it is not about is ''. The caller is as `callerOf` tells it. */
export interface SeriesRow {
  readonly caller: string
  readonly route: string
  readonly service: string
  readonly id: string
  /** Steps in which something happened, oldest first. */
  readonly points: readonly SeriesPoint[]
}

/** What happened in one step. Percentiles are taken from the sum of all histograms, null where nothing was measured. */
export interface SeriesPoint {
  readonly atMs: number
  readonly requests: number
  /** 5xx, and requests without an answer. */
  readonly errors: number
  /** Retries of an edge; failed attempts of an instance. */
  readonly failures: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly inFlight: number
  readonly latencySumMs: number
  /** Buckets that are not empty: index into `LATENCY_BOUNDS_MS` and count, in turn. */
  readonly latency: readonly number[]
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}
