import type { LeanLimits } from './options.ts'

/** What the book needs to know of a connection. */
export interface Booked {
  readonly address: string
  /** At once, without a word. */
  destroy(): void
}

/**
 * All connections of a lean listener. Silence costs nobody else anything: where there are too many, in all or of one address, the one that
 * has been silent longest is closed. A new client is refused only when all others are at work.
 */
export class ConnectionBook<One extends Booked> {
  readonly #limits: Pick<LeanLimits, 'connectionsMax' | 'silentPerAddressMax' | 'unreadBytesMax'>
  readonly #all = new Set<One>()
  readonly #silent = new Set<One>()
  readonly #silentByAddress = new Map<string, Set<One>>()
  /** Bytes that a client has not read yet; those that wait longest come first. */
  readonly #unread = new Map<One, number>()
  #unreadBytes = 0
  readonly refused = { connections: 0, silent: 0, unread: 0, bodies: 0, slow: 0 }

  constructor(limits: LeanLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  all(): Iterable<One> {
    return this.#all
  }

  /** False: there is no room, and it was not taken. */
  add(one: One): boolean {
    if (this.#all.size >= this.#limits.connectionsMax && !this.#closeOldest(this.#silent)) {
      this.refused.connections++
      return false
    }
    this.#all.add(one)
    return true
  }

  delete(one: One): void {
    this.#all.delete(one)
    this.speak(one)
    this.read(one)
  }

  /** It has no request under way. */
  fallSilent(one: One): void {
    const ofAddress = this.#silentByAddress.get(one.address) ?? new Set()
    this.#silentByAddress.set(one.address, ofAddress.add(one))
    this.#silent.add(one)
    if (ofAddress.size > this.#limits.silentPerAddressMax) this.#closeOldest(ofAddress)
  }

  /** It has one. */
  speak(one: One): void {
    if (!this.#silent.delete(one)) return
    const ofAddress = this.#silentByAddress.get(one.address)
    ofAddress?.delete(one)
    if (ofAddress?.size === 0) this.#silentByAddress.delete(one.address)
  }

  /** So many bytes of its answer are still here. */
  leaveUnread(one: One, bytes: number): void {
    this.read(one)
    this.#unread.set(one, bytes)
    this.#unreadBytes += bytes
    while (this.#unreadBytes > this.#limits.unreadBytesMax) {
      const oldest = this.#unread.keys().next().value
      if (oldest === undefined) return
      this.refused.unread++
      this.delete(oldest)
      oldest.destroy()
    }
  }

  /** The client has read all of it. */
  read(one: One): void {
    this.#unreadBytes -= this.#unread.get(one) ?? 0
    this.#unread.delete(one)
  }

  #closeOldest(silent: ReadonlySet<One>): boolean {
    const oldest = silent.values().next().value
    if (oldest === undefined) return false
    this.refused.silent++
    this.delete(oldest)
    oldest.destroy()
    return true
  }
}
