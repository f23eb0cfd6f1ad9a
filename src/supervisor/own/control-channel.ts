import type { Clock } from '../../platform/capability.ts'
import { createOutputFollower, type OutputFollower } from '../output/output-follower.ts'
import type { ProcessOutput } from '../output/process-output.ts'
import type { ProcessTable } from '../services/process-table.ts'
import type { FromSupervisor, OwnProcess, ToSupervisor } from '../../contracts/supervisor.ts'

/** What control says about the users' processes and about what it wants to be told. */
export type ProcessCommand = Exclude<
  ToSupervisor,
  { type: 'ready' | 'listening' | 'fatal' | 'notice' | 'data-workers' | 'own-wanted' }
>

/** Open subscriptions of one control plane; a further `follow` is not taken. */
export const FOLLOWERS_MAX = 256
/** Lines asked for at the start of a subscription. */
const TAIL_MAX = 10_000

type Follow = Extract<ToSupervisor, { type: 'follow' }>
type Send = (message: FromSupervisor) => void

/**
 * The supervisor's end of the channel to the control plane, over all of its lives. What changes while an `events` message is not
 * acknowledged is only noted, by id: a control plane that hangs costs no memory, and gets the newest state of each process once.
 */
export class ControlChannel {
  readonly #table: ProcessTable
  readonly #own: () => readonly OwnProcess[]
  readonly #clock: Clock
  readonly #refuse: (text: string) => void
  readonly #dirty = new Set<string>()
  readonly #followers = new Map<number, OutputFollower>()
  /** Those that may have something to send. */
  readonly #lively = new Set<OutputFollower>()
  #send: Send | null = null
  #isOwnDirty = false
  #isUnseen = false
  #isFlushPlanned = false

  /** `refuse` is told, for the operator, of a request that goes beyond a limit. */
  constructor(
    table: ProcessTable,
    own: () => readonly OwnProcess[],
    clock: Clock,
    refuse: (text: string) => void,
  ) {
    this.#table = table
    this.#own = own
    this.#clock = clock
    this.#refuse = refuse
  }

  get isConnected(): boolean {
    return this.#send !== null
  }

  /** A new control plane: greets it with everything that there is; what the last one followed is forgotten. */
  connect(send: Send): void {
    this.disconnect()
    this.#send = send
    const processes = this.#table.statuses()
    send({ type: 'hello', supervisorPid: process.pid, own: this.#own(), processes })
  }

  disconnect(): void {
    this.#send = null
    this.#followers.clear()
    this.#lively.clear()
    this.#dirty.clear()
    this.#isOwnDirty = false
    this.#isUnseen = false
  }

  /** Sent past the queue of events; lost when nobody is connected. */
  send(message: FromSupervisor): void {
    this.#send?.(message)
  }

  processChanged(id: string): void {
    if (this.#send === null) return
    this.#dirty.add(id)
    this.#planFlush()
  }

  ownChanged(): void {
    this.#isOwnDirty = this.#send !== null
    this.#planFlush()
  }

  linesCame(id: string): void {
    for (const follower of this.#followers.values()) {
      if (follower.follows(id)) this.#lively.add(follower)
    }
    if (this.#lively.size > 0) this.#planFlush()
  }

  receive(message: ProcessCommand): void {
    switch (message.type) {
      case 'start':
        return this.#table.start(message.spec)
      case 'stop':
        return this.#table.stop(message.id)
      case 'forget':
        return this.#table.forget(message.id)
      case 'events-seen':
        this.#isUnseen = false
        return this.#planFlush()
      case 'follow':
        return this.#follow(message)
      case 'output-seen':
        return this.#outputSeen(message.subscription)
      case 'unfollow':
        return this.#unfollow(message.subscription)
      default:
        message satisfies never
    }
  }

  #follow({ subscription, processes, former = [], tail }: Follow): void {
    this.#unfollow(subscription)
    if (this.#followers.size >= FOLLOWERS_MAX) {
      this.#refuse(`output is not followed: there are already ${FOLLOWERS_MAX} subscriptions`)
      return
    }
    const tailCount = Math.max(0, Math.min(Math.trunc(tail) || 0, TAIL_MAX))
    // An ended output changes no more: it is looked up once.
    const ended = new Map<string, ProcessOutput>(
      former.flatMap((service) =>
        this.#table
          .formerOutputs(service)
          .map((output, at) => [`${service} ${at}`, output] satisfies [string, ProcessOutput]),
      ),
    )
    const follower = createOutputFollower(
      subscription,
      [...ended.keys(), ...processes],
      tailCount,
      (key) => ended.get(key) ?? this.#table.get(key)?.output,
    )
    this.#followers.set(subscription, follower)
    this.#lively.add(follower)
    this.#planFlush()
  }

  #outputSeen(subscription: number): void {
    const follower = this.#followers.get(subscription)
    if (follower === undefined) return
    follower.seen()
    this.#lively.add(follower)
    this.#planFlush()
  }

  #unfollow(subscription: number): void {
    const follower = this.#followers.get(subscription)
    if (follower !== undefined) this.#lively.delete(follower)
    this.#followers.delete(subscription)
  }

  /** A moment later: a burst of changes is one message. */
  #planFlush(): void {
    if (this.#isFlushPlanned || this.#send === null) return
    this.#isFlushPlanned = true
    this.#clock.after(0, () => this.#flush())
  }

  #flush(): void {
    this.#isFlushPlanned = false
    const send = this.#send
    if (send === null) return
    if (!this.#isUnseen && (this.#dirty.size > 0 || this.#isOwnDirty)) send(this.#takeEvents())
    for (const follower of this.#lively) {
      const batch = follower.next()
      if (batch !== null) send(batch)
    }
    this.#lively.clear()
  }

  #takeEvents(): FromSupervisor {
    const processes = [...this.#dirty]
      .map((id) => this.#table.get(id)?.status() ?? null)
      .filter((status) => status !== null)
    this.#dirty.clear()
    this.#isOwnDirty = false
    this.#isUnseen = true
    return { type: 'events', own: this.#own(), processes }
  }
}
