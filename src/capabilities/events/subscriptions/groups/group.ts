import type { Log } from '../../../../platform/capability.ts'
import { EventsError } from '../../errors.ts'
import type { StoredEvent } from '../../model.ts'
import type { EventStore } from '../../store.ts'
import { catchUp, endOfSource } from '../catch-up.ts'
import type { Tail } from '../tail.ts'
import { BusyKeys } from './busy-keys.ts'
import { Checkpoints } from './checkpoints.ts'
import { CheckpointPacer } from './checkpoint-pacer.ts'
import { chooseConsumer } from './choose-consumer.ts'
import { DonePrefix } from './done-prefix.ts'
import {
  groupSource,
  groupStream,
  type Consumer,
  type GroupConfig,
  type GroupView,
  type Membership,
  type NackAction,
} from './group-model.ts'
import { keyOf } from './message-key.ts'
import { resolveLink } from './links.ts'
import { Members, type Member } from './members.ts'
import { ParkedEvents, type ParkedEvent } from './parked-events.ts'
import { Parking } from './parking.ts'
import { WaitingMessages, type Message } from './waiting-messages.ts'

const LEASE_TICK_MS = 250
const RETRY_DELAY_MS_MAX = 60_000
const HELD_BACK = 'held back: an earlier event of its key is parked'

/** What a group stands on. */
export interface GroupNeeds {
  readonly store: EventStore
  readonly tail: Tail
  readonly log: Log
}

/**
 * Competing consumers of one stream: each event goes to one of them, again where it is not acknowledged, aside where it cannot be handled. Every event is delivered at least
 * once; what was acknowledged and stands in a checkpoint never again.
 */
export class Group {
  readonly #needs: GroupNeeds
  readonly #parkedEvents: ParkedEvents
  readonly #parking: Parking
  readonly #pacer: CheckpointPacer
  readonly #waiting = new WaitingMessages()
  readonly #members = new Members()
  readonly #stop = new AbortController()
  readonly #counts = { handled: 0, retried: 0, unknownAnswers: 0 }
  readonly #busyKeys = new BusyKeys()
  /** Messages between queue and done: retry delays and parking. */
  #aside = 0
  #config: GroupConfig
  #last = -1
  #source = new DonePrefix(0)
  #ahead: ReadonlySet<number> = new Set()
  #reading: Promise<void> | undefined
  #replaying: Promise<void> = Promise.resolve()
  #roomWanted: (() => void) | undefined
  #failure = ''
  #ready: Promise<void>

  constructor(config: GroupConfig, needs: GroupNeeds) {
    this.#config = config
    this.#needs = needs
    this.#parkedEvents = new ParkedEvents(needs.store, groupStream(config, 'parked'))
    this.#parking = new Parking(this.#parkedEvents, needs.log)
    const checkpoints = new Checkpoints(needs.store, groupStream(config, 'checkpoint'))
    this.#pacer = new CheckpointPacer({
      checkpoints,
      clock: needs.store.clock,
      settings: () => this.#config.settings,
      place: () => this.#source,
      failed: (error) => needs.log('error', 'a checkpoint cannot be stored', { error }),
    })
    this.#ready = this.#load(checkpoints)
    this.#ready.catch(() => {})
    const stopTicks = needs.store.clock.every(LEASE_TICK_MS, () => this.#endLeases())
    this.#stop.signal.addEventListener('abort', stopTicks)
  }

  get config(): GroupConfig {
    return this.#config
  }

  /** Puts other settings into force; where it starts is decided when it is made. */
  reconfigure(config: GroupConfig): void {
    this.#config = config
    this.#dispatch()
  }

  /** One more consumer. The function that comes back takes it out again: what it had goes to others at once. */
  async join(consumer: Consumer): Promise<Membership> {
    await this.#ready
    const { maxSubscriberCount } = this.#config.settings
    if (maxSubscriberCount > 0 && this.#members.all.length >= maxSubscriberCount) {
      throw new EventsError(
        'ERR_EVENTS_GROUP_FULL',
        `The group '${this.#config.name}' has its ${maxSubscriberCount} consumers already (maxSubscriberCount).`,
      )
    }
    const member = this.#members.join(consumer)
    this.#reading ??= this.#readSource()
    this.#dispatch()
    return {
      ack: (ids) => this.#ack(member, ids),
      nack: (ids, action, reason) => this.#nack(member, ids, action, reason),
      ready: () => this.#dispatch(),
      leave: () => this.#leave(member),
    }
  }

  /** Delivers parked events again, in their order: those that are parked now, at most `countMax`. */
  async replayParked(countMax = Infinity): Promise<void> {
    await this.#ready
    this.#replaying = this.#replaying
      .then(() => this.#replay(countMax))
      .catch((error: unknown) => this.#needs.log('error', 'a replay has failed', { error }))
  }

  parked(from: number): AsyncGenerator<ParkedEvent, void, undefined> {
    return this.#parkedEvents.read(from, true)
  }

  async view(): Promise<GroupView> {
    await this.#ready.catch(() => {})
    const { store } = this.#needs
    const checkpoint = this.#source.next
    const oldest = Math.min(this.#members.oldestSinceMs(), this.#waiting.oldestSinceMs())
    return {
      stream: this.#config.stream,
      name: this.#config.name,
      settings: this.#config.settings,
      consumers: this.#members.views(),
      isReading: this.#reading !== undefined,
      checkpoint,
      lag: Math.max((await endOfSource(store, groupSource(this.#config))) - checkpoint, 0),
      inFlight: this.#members.inFlightCount,
      waiting: this.#waiting.size + this.#aside,
      parked: this.#parking.count,
      ...this.#counts,
      oldestUnhandledMs: Number.isFinite(oldest)
        ? Math.round(store.clock.monotonicMs() - oldest)
        : 0,
      failure: this.#failure,
    }
  }

  /** Remembers how far it has come and lets go of its consumers. */
  async close(reason: 'deleted' | 'failed' = 'failed'): Promise<void> {
    this.#stop.abort()
    this.#roomWanted?.()
    this.#dropAll(reason)
    await this.#reading
    if (reason !== 'deleted') await this.#pacer.saveNow()
  }

  async #load(checkpoints: Checkpoints): Promise<void> {
    const { startFrom } = this.#config.settings
    const saved = await checkpoints.load()
    const first = startFrom === 'end' ? 0 : startFrom
    this.#source = new DonePrefix(saved?.next ?? first)
    this.#ahead = new Set(saved?.ahead)
    await this.#parking.load()
  }

  /** Reads ahead as far as the buffer goes. */
  async #readSource(): Promise<void> {
    const { store, tail, log } = this.#needs
    const source = groupSource(this.#config)
    const { signal } = this.#stop
    try {
      const messages = catchUp(store, tail, { source, from: this.#source.next, signal })
      for await (const message of messages) {
        if (message.kind === 'checkpoint') this.#source.reach(message.position + 1)
        if (message.kind !== 'events') continue
        for (const event of message.events) {
          await this.#accept(event, source.kind === 'stream' ? event.revision : event.position)
        }
      }
    } catch (error) {
      if (signal.aborted) return
      this.#failure = error instanceof Error ? error.message : String(error)
      log('error', 'a group cannot read its events', { group: this.#config.name, error })
      this.#dropAll('failed', error)
      this.#reading = undefined
    }
  }

  async #accept(event: StoredEvent, number: number): Promise<void> {
    await this.#room()
    // What was read before the reading failed is on its way, or done.
    if (this.#stop.signal.aborted || !this.#source.begin(number)) return
    // What groups write of themselves is no event of anybody's.
    const isOwn = /^(?:\$\$)?\$persistentsubscription-/.test(event.stream)
    if (isOwn || this.#ahead.has(number)) return this.#source.done(number)
    await this.#enqueue(event, number, undefined)
  }

  async #enqueue(event: StoredEvent, number: number, parkedAs: number | undefined): Promise<void> {
    const { settings } = this.#config
    const resolved = settings.resolveLinks ? await resolveLink(this.#needs.store, event) : undefined
    const message: Message = {
      id: event.id,
      event: resolved ?? event,
      link: resolved === undefined ? undefined : event,
      key: keyOf(settings.strategy, resolved ?? event),
      number,
      parkedAs,
      sinceMs: this.#needs.store.clock.monotonicMs(),
      retries: 0,
    }
    if (this.#isHeldBack(message)) return this.#park(message, HELD_BACK)
    this.#waiting.add(message)
    this.#dispatch()
  }

  #isHeldBack({ key, parkedAs }: Message): boolean {
    if (this.#config.settings.strategy !== 'Ordered') return false
    return parkedAs === undefined ? this.#parking.holdsBack(key) : this.#parking.isStuck(key)
  }

  async #replay(countMax: number): Promise<void> {
    for await (const { event, revision } of this.#parking.replay(countMax, this.#stop.signal)) {
      await this.#room()
      await this.#enqueue(event, revision, revision)
    }
  }

  /** Resolves when there is room in the buffer. */
  async #room(): Promise<void> {
    while (
      this.#waiting.size + this.#members.inFlightCount + this.#aside >=
        this.#config.settings.bufferSize &&
      !this.#stop.signal.aborted
    ) {
      const room = Promise.withResolvers<void>()
      const before = this.#roomWanted
      this.#roomWanted = () => {
        before?.()
        room.resolve()
      }
      await room.promise
    }
  }

  #dispatch(): void {
    const { strategy } = this.#config.settings
    for (const message of this.#waiting.inOrder()) {
      if (!this.#members.all.some(({ isFree }) => isFree)) return
      const isOrdered = strategy === 'Ordered'
      const isTaken = this.#members.isInFlight(message.id)
      if ((isOrdered && this.#busyKeys.has(message.key)) || isTaken) continue
      const member = chooseConsumer(strategy, this.#members.all, message.key, this.#last)
      if (member === undefined) continue
      this.#waiting.delete(message)
      if (isOrdered) this.#busyKeys.take(message)
      this.#last = member.number
      const { messageTimeoutMs } = this.#config.settings
      const nowMs = this.#needs.store.clock.monotonicMs()
      this.#members.deliver(message, member, nowMs + messageTimeoutMs)
    }
  }

  #ack(member: Member, ids: readonly string[]): void {
    for (const id of ids) {
      const message = this.#take(member, id)
      if (message === undefined) continue
      member.handled++
      this.#counts.handled++
      this.#done(message)
    }
    this.#dispatch()
  }

  #nack(member: Member, ids: readonly string[], action: NackAction, reason: string): void {
    for (const id of ids) {
      const message = this.#take(member, id)
      if (message === undefined) continue
      if (action === 'park') void this.#park(message, reason)
      else if (action === 'skip') this.#done(message)
      else this.#retry(message, reason)
    }
    if (action === 'stop' && this.#members.all.includes(member)) {
      this.#leave(member)
      member.consumer.dropped('stopped')
    }
    this.#dispatch()
  }

  /** What is not in flight at this one is counted. */
  #take(member: Member, id: string): Message | undefined {
    const message = this.#members.take(member, id)
    if (message === undefined) this.#counts.unknownAnswers++
    return message
  }

  #leave(member: Member): void {
    // Nobody has said that any of it failed.
    for (const message of this.#members.leave(member)) this.#again(message)
    this.#dispatch()
  }

  #dropAll(reason: 'deleted' | 'failed', error?: unknown): void {
    for (const member of this.#members.all) {
      for (const message of this.#members.leave(member)) this.#again(message)
      member.consumer.dropped(reason, error)
    }
  }

  #endLeases(): void {
    const nowMs = this.#needs.store.clock.monotonicMs()
    for (const message of this.#members.takeExpired(nowMs)) {
      this.#retry(message, 'no answer in time')
    }
    this.#dispatch()
    this.#pacer.tick()
  }

  #retry(message: Message, reason: string): void {
    const { maxRetryCount, retryDelayMs } = this.#config.settings
    if (message.retries >= maxRetryCount) {
      void this.#park(message, `${message.retries} retries: ${reason}`)
      return
    }
    message.retries++
    this.#counts.retried++
    const delayMs = Math.min(retryDelayMs * 2 ** (message.retries - 1), RETRY_DELAY_MS_MAX)
    if (delayMs === 0) return this.#again(message)
    this.#aside++
    this.#needs.store.clock.after(delayMs, () => {
      this.#aside--
      this.#again(message)
      this.#dispatch()
    })
  }

  #again(message: Message): void {
    this.#busyKeys.free(message)
    this.#waiting.add(message)
  }

  async #park(message: Message, reason: string): Promise<void> {
    this.#aside++
    const isOrdered = this.#config.settings.strategy === 'Ordered'
    try {
      if (isOrdered && message.parkedAs !== undefined) {
        this.#keepParked(message)
      } else {
        const stored = this.#parking.park(message.link ?? message.event, message.key, reason)
        if (isOrdered) this.#parkBehind(message.key)
        await stored
        this.#done(message)
      }
    } catch (error) {
      this.#needs.log('error', 'an event cannot be parked', { event: message.id, error })
      this.#again(message)
    } finally {
      this.#aside--
      this.#dispatch()
    }
  }

  /** A replayed one that cannot be handled again stays where it is, and with it what waits behind it of its key. */
  #keepParked(message: Message): void {
    const behind = this.#waiting.inOrder().filter(({ key }) => key === message.key)
    for (const one of [message, ...behind]) {
      if (one.parkedAs === undefined) continue
      this.#waiting.delete(one)
      this.#parking.keep(one.parkedAs, one.key)
      this.#settled(one)
    }
  }

  /** What waits behind a parked event of its key follows it, in order. */
  #parkBehind(key: string): void {
    for (const message of this.#waiting.inOrder()) {
      if (message.key !== key || message.parkedAs !== undefined) continue
      if (this.#waiting.delete(message)) void this.#park(message, HELD_BACK)
    }
  }

  #done(message: Message): void {
    if (message.parkedAs === undefined) {
      this.#source.done(message.number)
      this.#pacer.handled()
    } else this.#parking.done(message.parkedAs, message.key)
    this.#settled(message)
  }

  /** The group has nothing more to do with it: its key and its room are free. */
  #settled(message: Message): void {
    this.#busyKeys.free(message)
    const wanted = this.#roomWanted
    this.#roomWanted = undefined
    wanted?.()
  }
}
