import { readFile, rename, writeFile } from 'node:fs/promises'
import type { RemoteWriteTarget } from '../../../contracts/metrics-state.ts'
import { backoffMs } from '../../../mechanisms/backoff/backoff.ts'
import { compressSnappy } from '../../../mechanisms/snappy/snappy.ts'
import type { Clock, Log, Random } from '../../../platform/capability.ts'
import type { HandOverQueue, QueuePlace, QueueRead } from './queue.ts'

/** Bytes of one request, before compression. */
const REQUEST_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 30_000
const BACKOFF = { minMs: 100, maxMs: 30_000 }
const SHOWN_MAX = 200

/** What became of a request. */
type Sent = 'taken' | 'refused' | 'failed'

/** What a sender needs. */
export interface SenderGround {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly queue: HandOverQueue
  /** Where its place is kept. */
  readonly placeFile: string
}

/** Sends the queue to one target: in order, at least once, until it is told to end. */
export class HandOverSender {
  readonly target: RemoteWriteTarget
  readonly #ground: SenderGround
  readonly #abort = new AbortController()
  #place: QueuePlace
  #wake: () => void = () => {}
  #running: Promise<void> = Promise.resolve()
  /** Why the last request failed; '' where it went well. */
  error = ''
  /** Requests that the target refused for good. */
  refusedCount = 0
  #attempts = 0
  #retryAfterMs = 0

  constructor(target: RemoteWriteTarget, place: QueuePlace, ground: SenderGround) {
    this.target = target
    this.#place = place
    this.#ground = ground
  }

  /** Begins where it ended before, or behind everything that is there. */
  static async open(target: RemoteWriteTarget, ground: SenderGround): Promise<HandOverSender> {
    const place = (await readPlace(ground.placeFile)) ?? (await ground.queue.end())
    await writePlace(ground.placeFile, place)
    return new HandOverSender(target, place, ground)
  }

  /** The segment that it still needs. */
  get segment(): number {
    return this.#place.segment
  }

  begin(): void {
    this.#running = this.#run()
  }

  /** There is something new. */
  wake(): void {
    this.#wake()
  }

  /** What is before this segment is gone. */
  skipTo(segment: number): void {
    if (this.#place.segment < segment) this.#place = { segment, offset: 0 }
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#wake()
    await this.#running
    const { placeFile, log } = this.#ground
    // Without it some are sent twice; whoever changes a target must not lose its sender by it.
    await writePlace(placeFile, this.#place).catch((error: unknown) =>
      log('warn', 'the place in the queue of remote write cannot be kept', { error }),
    )
  }

  async #run(): Promise<void> {
    const { queue, log } = this.#ground
    while (!this.#abort.signal.aborted) {
      try {
        const read = await queue.read(this.#place, REQUEST_BYTES_MAX)
        if (read.records.length === 0) {
          this.#place = read.next
          await this.#sleep(IDLE_MS)
        } else await this.#sendAll(read)
      } catch (error) {
        log('error', 'the queue of remote write cannot be read', { error })
        await this.#sleep(BACKOFF.maxMs)
      }
    }
  }

  async #sendAll(read: QueueRead): Promise<void> {
    const sent = await this.#send(Buffer.concat([...read.records]))
    if (sent === 'failed') return this.#pause()
    if (sent === 'refused' && read.records.length > 1) {
      // What a kill made us send twice may be refused, and the rest with it: each on its own.
      for (const [at, record] of read.records.entries()) {
        const one = await this.#send(record)
        if (one === 'failed') return this.#pause()
        if (one === 'refused') this.#refuse()
        await this.#arrive(read.places[at]!)
      }
      return
    }
    if (sent === 'refused') this.#refuse()
    await this.#arrive(read.next)
  }

  async #arrive(place: QueuePlace): Promise<void> {
    this.#place = place
    this.#attempts = 0
    await writePlace(this.#ground.placeFile, place)
  }

  #refuse(): void {
    this.refusedCount++
    const reason = this.error
    this.#ground.log('warn', 'a remote write was refused for good', {
      host: hostOf(this.target),
      reason,
    })
  }

  async #pause(): Promise<void> {
    const pause = backoffMs(BACKOFF, this.#attempts++, 'equal', this.#ground.random)
    await this.#sleep(Math.max(pause, this.#retryAfterMs))
  }

  async #send(request: Buffer): Promise<Sent> {
    const { clock } = this.#ground
    const abort = new AbortController()
    const cancel = clock.after(TIMEOUT_MS, () => abort.abort())
    this.#retryAfterMs = 0
    try {
      const response = await fetch(this.target.url, {
        method: 'POST',
        headers: [
          ['content-type', 'application/x-protobuf'],
          ['content-encoding', 'snappy'],
          ['x-prometheus-remote-write-version', '0.1.0'],
          ['user-agent', 'backplane'],
          ...this.target.headers.map(([name, value]): [string, string] => [name, value]),
        ],
        body: compressSnappy(request) as Uint8Array<ArrayBuffer>,
        redirect: 'manual',
        signal: AbortSignal.any([abort.signal, this.#abort.signal]),
      })
      const text = (await response.text()).trim().slice(0, SHOWN_MAX)
      this.error = response.ok
        ? ''
        : `it answered ${response.status}${text === '' ? '' : `: ${text}`}`
      if (response.ok) return 'taken'
      this.#retryAfterMs = Math.min(
        Number(response.headers.get('retry-after') ?? 0) * 1_000 || 0,
        3_600_000,
      )
      return response.status >= 500 || response.status === 429 ? 'failed' : 'refused'
    } catch (error) {
      const cause =
        error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
      this.error = abort.signal.aborted
        ? `no answer within ${TIMEOUT_MS / 1_000} s`
        : `the connection failed${cause?.code === undefined ? '' : ` (${cause.code})`}`
      return 'failed'
    } finally {
      cancel()
    }
  }

  /** Until something is new, or the time is over. */
  #sleep(ms: number): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const cancel = this.#ground.clock.after(ms, resolve)
      this.#wake = () => {
        // What waits for a target that is away is not woken by new samples.
        if (this.error !== '' && !this.#abort.signal.aborted) return
        cancel()
        resolve()
      }
    })
  }
}

/** Looked at again after so long, should a call be lost. */
const IDLE_MS = 5_000

/** Where a target is, without what may be secret. */
export function hostOf({ url }: RemoteWriteTarget): string {
  return new URL(url).host
}

async function readPlace(file: string): Promise<QueuePlace | undefined> {
  try {
    const { segment, offset } = JSON.parse(await readFile(file, 'utf8')) as QueuePlace
    return Number.isSafeInteger(segment) && Number.isSafeInteger(offset)
      ? { segment, offset }
      : undefined
  } catch {
    return undefined
  }
}

/** Not synced: after the power has failed some are sent again. */
async function writePlace(file: string, place: QueuePlace): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(place), { mode: 0o600 })
  await rename(`${file}.new`, file)
}
