import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RemoteWriteTarget } from '../../../contracts/metrics-state.ts'
import type { ReportedProblem } from '../../../contracts/state.ts'
import { RequestBuilder } from '../../../mechanisms/remote-write/encode-request.ts'
import type { Clock, Log, Random } from '../../../platform/capability.ts'
import { machineFiles } from '../store/files.ts'
import { HandOverQueue } from './queue.ts'
import { HandOverSender, hostOf } from './sender.ts'

/** Samples of one record of the queue; a larger commit has several. */
const RECORD_SAMPLES_MAX = 5_000
/** The queue is tidied so often. */
const TIDY_MS = 5_000

/** What it stands on. */
export interface HandOverGround {
  readonly folder: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The bytes of a series' labels. */
  readonly key: (ref: number) => Uint8Array
}

/** Where to, and how much may wait. */
export interface HandOverSaid {
  readonly targets: readonly RemoteWriteTarget[]
  readonly queueBytesMax: number
}

/**
 * Hands every sample on to other stores by remote write. What is committed is on the disk here before anybody is told that it is, so that neither an
 * outage of a target nor a kill loses any of it. Native histograms and exemplars are not handed over.
 */
export class HandOver {
  readonly #ground: HandOverGround
  readonly #queue: HandOverQueue
  readonly #builder = new RequestBuilder()
  readonly #senders = new Map<string, HandOverSender>()
  readonly #cancelTidy: () => void
  #said: HandOverSaid
  #tidying: Promise<void> = Promise.resolve()
  /** Some of the senders are missing, and what they need would be removed. */
  #isChanging = false

  constructor(ground: HandOverGround, queue: HandOverQueue, said: HandOverSaid) {
    this.#ground = ground
    this.#queue = queue
    this.#said = said
    this.#cancelTidy = ground.clock.every(TIDY_MS, () => this.#tidy())
  }

  /** Opens the queue and goes on with what waits in it. */
  static async open(ground: HandOverGround, said: HandOverSaid): Promise<HandOver> {
    const { folder, clock, log } = ground
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const files = machineFiles
    const queue = await HandOverQueue.open(join(folder, 'queue'), { clock, log, files })
    const made = new HandOver(ground, queue, said)
    await made.set(said)
    return made
  }

  /** Puts targets into force: a known one goes on where it is, a new one begins now. */
  async set(said: HandOverSaid): Promise<void> {
    this.#said = said
    this.#isChanging = true
    try {
      await this.#tidying
      await this.#change(said)
    } finally {
      this.#isChanging = false
    }
  }

  async #change(said: HandOverSaid): Promise<void> {
    const wanted = new Map(said.targets.map((target) => [idOf(target), target]))
    for (const [id, sender] of this.#senders) {
      const target = wanted.get(id)
      if (target !== undefined && JSON.stringify(target) === JSON.stringify(sender.target)) continue
      this.#senders.delete(id)
      await sender.close()
    }
    if (wanted.size === 0) await this.#queue.clear()
    for (const [id, target] of wanted) {
      if (this.#senders.has(id)) continue
      const placeFile = join(this.#ground.folder, `${id}.place`)
      const { clock, random, log } = this.#ground
      const sender = await HandOverSender.open(target, {
        clock,
        random,
        log,
        placeFile,
        queue: this.#queue,
      })
      this.#senders.set(id, sender)
      sender.begin()
    }
  }

  /** Takes a sample: the halves of a double. */
  add(ref: number, time: number, high: number, low: number): void {
    // Not by the senders: while one is changed there may be none.
    if (this.#said.targets.length === 0) return
    this.#builder.add(this.#ground.key(ref), time, high, low)
    if (this.#builder.sampleCount >= RECORD_SAMPLES_MAX) this.#queue.append(this.#builder.take())
  }

  /** Resolves when all that was added survives a kill. Rejects with `WalWriteError`. */
  async commit(): Promise<void> {
    if (this.#builder.sampleCount > 0) this.#queue.append(this.#builder.take())
    await this.#queue.flush()
    for (const sender of this.#senders.values()) sender.wake()
  }

  problems(): readonly ReportedProblem[] {
    const problem = (code: string, key: string, text: string): ReportedProblem => ({
      severity: 'warning',
      code,
      service: '',
      instance: '',
      key,
      text,
    })
    const dropped = this.#queue.droppedSegments
    return [
      ...[...this.#senders.values()].flatMap((sender) =>
        sender.error === ''
          ? []
          : [
              problem(
                'ERR_METRICS_HAND_OVER',
                hostOf(sender.target),
                `Samples cannot be handed over to ${hostOf(sender.target)}: ${sender.error}. They wait on the disk.`,
              ),
            ],
      ),
      ...(dropped === 0
        ? []
        : [
            problem(
              'ERR_METRICS_HAND_OVER_FULL',
              '',
              `${dropped} files of samples were given up before they were handed over, because more than metrics.remoteWrite.queue waited.`,
            ),
          ]),
    ]
  }

  async close(): Promise<void> {
    this.#cancelTidy()
    await this.#tidying
    await Promise.all([...this.#senders.values()].map((sender) => sender.close()))
    await this.#queue.close()
  }

  #tidy(): void {
    const senders = [...this.#senders.values()]
    if (senders.length === 0 || this.#isChanging) return
    this.#tidying = this.#tidying
      .then(async () => {
        const first = await this.#queue.tidy(
          Math.min(...senders.map(({ segment }) => segment)),
          this.#said.queueBytesMax,
        )
        for (const sender of senders) sender.skipTo(first)
      })
      .catch((error: unknown) =>
        this.#ground.log('error', 'the queue of remote write cannot be tidied', { error }),
      )
  }
}

/** A name for a target that shows nothing of it. */
function idOf({ url }: RemoteWriteTarget): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
