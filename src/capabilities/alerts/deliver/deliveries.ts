import { backoffMs } from '../../../mechanisms/backoff/backoff.ts'
import type { Clock, Log, Random } from '../../../platform/capability.ts'
import { type Notification, statusOf } from '../alert-record.ts'
import { DeliveryRefusedError } from './delivery-errors.ts'

/** Messages that wait; beyond that the oldest is given up, and the log says so. */
export const DELIVERIES_WAITING_MAX = 1_000
/** Lines of the log. */
export const DELIVERY_LOG_MAX = 500
/** A message that could not be delivered for so long is given up. */
const AGE_MAX_MS = 3 * 86_400_000
const BACKOFF = { minMs: 1_000, maxMs: 300_000 }
/** Messages on their way at the same time. */
const SENDING_MAX = 8

/** A message on its way to one notifier. */
export interface Delivery {
  readonly id: string
  readonly atMs: number
  readonly notification: Notification
  /** Its place within the receiver. */
  readonly notifier: number
  /** `webhook`, `slack`, `email`. */
  readonly kind: string
  attempts: number
  nextAtMs: number
  /** Why the last attempt failed; '' before the first. */
  error: string
}

/** What became of a message. */
export interface DeliveryLine {
  readonly id: string
  readonly atMs: number
  readonly doneAtMs: number
  readonly receiver: string
  readonly kind: string
  readonly groupKey: string
  readonly status: 'firing' | 'resolved'
  readonly alertCount: number
  readonly attempts: number
  readonly outcome: 'delivered' | 'given-up'
  readonly error: string
}

/** What it needs of its surroundings. */
export interface DeliveryGround {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Hands a message over. Throws `DeliveryRefusedError` where another attempt makes no sense, anything else where it does. */
  readonly send: (delivery: Delivery) => Promise<void>
  /** Writes down what waits. A message is sent only behind that. */
  readonly save: () => Promise<void>
  readonly gaveUp: (delivery: Delivery) => void
}

/** What is kept of deliveries over a restart. */
export interface KeptDeliveries {
  readonly waiting: readonly Delivery[]
  readonly lines: readonly DeliveryLine[]
}

/** Delivers messages at least once: those of one group and notifier one after the other, with growing pauses, also after a restart. */
export class Deliveries {
  readonly #ground: DeliveryGround
  readonly #queues = new Map<string, Delivery[]>()
  readonly #sending = new Set<string>()
  #lines: readonly DeliveryLine[]
  #cancel = (): void => {}
  #isClosed = false
  #count = 0

  constructor(ground: DeliveryGround, kept: KeptDeliveries) {
    this.#ground = ground
    this.#lines = kept.lines
    for (const delivery of kept.waiting) this.#queue(delivery)
  }

  /** Messages that wait or are on their way, the oldest first. */
  get waiting(): readonly Delivery[] {
    return [...this.#queues.values()].flat().toSorted((one, other) => one.atMs - other.atMs)
  }

  /** What became of messages, the newest first. */
  get lines(): readonly DeliveryLine[] {
    return this.#lines
  }

  /** Sends what waits from before the start. */
  begin(): void {
    this.#pump()
  }

  /** Takes messages: they are written down, then sent. */
  async add(
    messages: readonly Pick<Delivery, 'id' | 'notification' | 'notifier' | 'kind'>[],
  ): Promise<void> {
    const nowMs = this.#ground.clock.nowMs()
    for (const message of messages) {
      this.#queue({ ...message, atMs: nowMs, nextAtMs: nowMs, attempts: 0, error: '' })
    }
    while (this.#count > DELIVERIES_WAITING_MAX) this.#dropOldest()
    try {
      await this.#ground.save()
    } catch (error) {
      // Told all the same: a disk that is full is no reason to be silent.
      this.#ground.log('error', 'messages of alerts cannot be kept over a restart', { error })
    }
    this.#pump()
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  #queue(delivery: Delivery): void {
    const key = queueKeyOf(delivery)
    const queue = this.#queues.get(key) ?? []
    queue.push(delivery)
    this.#queues.set(key, queue)
    this.#count++
  }

  #dropOldest(): void {
    const oldest = this.waiting.find((one) => !this.#isSending(one))
    // What is on its way is at most SENDING_MAX, and never as many as may wait.
    if (oldest === undefined) return
    this.#done(oldest, 'given-up', `more than ${DELIVERIES_WAITING_MAX} messages wait`)
    this.#ground.gaveUp(oldest)
  }

  /** Of a group and notifier only the first is on its way; those behind it may be given up. */
  #isSending(delivery: Delivery): boolean {
    const key = queueKeyOf(delivery)
    return this.#sending.has(key) && this.#queues.get(key)?.[0] === delivery
  }

  /** Starts what is due, and comes back for what is not. */
  #pump(): void {
    this.#cancel()
    if (this.#isClosed) return
    const nowMs = this.#ground.clock.nowMs()
    let nextMs = Infinity
    for (const [key, [first]] of this.#queues) {
      if (first === undefined || this.#sending.has(key)) continue
      if (first.nextAtMs > nowMs) nextMs = Math.min(nextMs, first.nextAtMs)
      else if (this.#sending.size < SENDING_MAX) void this.#send(key, first)
    }
    if (nextMs !== Infinity) {
      this.#cancel = this.#ground.clock.after(nextMs - nowMs, () => this.#pump())
    }
  }

  async #send(key: string, delivery: Delivery): Promise<void> {
    const { clock, random, log, send, gaveUp, save } = this.#ground
    this.#sending.add(key)
    delivery.attempts++
    try {
      await send(delivery)
      this.#done(delivery, 'delivered', '')
    } catch (cause) {
      delivery.error = cause instanceof Error ? cause.message : String(cause)
      const nowMs = clock.nowMs()
      const { receiver } = delivery.notification
      const isHopeless = cause instanceof DeliveryRefusedError && !cause.mayRetry
      const fields = { receiver, kind: delivery.kind, attempts: delivery.attempts }
      if (isHopeless || nowMs - delivery.atMs > AGE_MAX_MS) {
        this.#done(delivery, 'given-up', delivery.error)
        gaveUp(delivery)
        log('error', 'a message of alerts was given up', { ...fields, reason: delivery.error })
      } else {
        const asked = cause instanceof DeliveryRefusedError ? cause.retryAfterMs : 0
        const pause = backoffMs(BACKOFF, delivery.attempts - 1, 'equal', random)
        delivery.nextAtMs = nowMs + Math.max(asked, pause)
        log('warn', 'a message of alerts cannot be delivered now', {
          ...fields,
          reason: delivery.error,
        })
      }
    } finally {
      this.#sending.delete(key)
    }
    await save().catch((error: unknown) => log('error', 'alerts cannot be kept', { error }))
    this.#pump()
  }

  #done(delivery: Delivery, outcome: DeliveryLine['outcome'], error: string): void {
    const key = queueKeyOf(delivery)
    const rest = (this.#queues.get(key) ?? []).filter((one) => one !== delivery)
    if (rest.length === 0) this.#queues.delete(key)
    else this.#queues.set(key, rest)
    this.#count--
    const { notification, id, atMs, kind, attempts } = delivery
    const { receiver, groupKey, alerts } = notification
    const line = { id, atMs, kind, attempts, receiver, groupKey, outcome, error }
    const told = { doneAtMs: this.#ground.clock.nowMs(), status: statusOf(notification) }
    const all = [{ ...line, ...told, alertCount: alerts.length }, ...this.#lines]
    this.#lines = all.slice(0, DELIVERY_LOG_MAX)
  }
}

function queueKeyOf({ notification, notifier }: Delivery): string {
  return `${notification.receiver} ${notifier} ${notification.groupKey}`
}
