import { hash } from 'node:crypto'

/** Estimated bytes of an entry without what the claims are: key, places in two tables, records. */
const ENTRY_BYTES = 400

interface Entry<Value> {
  readonly value: Value
  readonly bytes: number
  /** Unix milliseconds from which on it is not believed any more. */
  readonly untilMs: number
}

/**
 * Credentials that were found right, by their SHA-256: what lies in memory is nothing that could be used again. Bounded in bytes: there are a young and an old half; what is
 * used moves to the young one, and when that is full, the old one is forgotten as a whole. Nothing is believed after its own end.
 */
export class TokenCache<Value> {
  readonly #halfBytesMax: number
  #young = new Map<string, Entry<Value>>()
  #old = new Map<string, Entry<Value>>()
  #youngBytes = 0

  constructor(bytesMax: number) {
    this.#halfBytesMax = bytesMax / 2
  }

  /** The name of a credential in here: equal credentials have equal names, and no other's can be made. */
  static nameOf(credential: string): string {
    return hash('sha256', credential, 'binary')
  }

  get(name: string, nowMs: number): Value | undefined {
    const young = this.#young.get(name)
    if (young !== undefined) return nowMs < young.untilMs ? young.value : this.#forget(name)
    const old = this.#old.get(name)
    if (old === undefined || nowMs >= old.untilMs) return undefined
    this.#old.delete(name)
    this.#add(name, old)
    return old.value
  }

  /** `bytes` is about what the value takes. */
  set(name: string, value: Value, bytes: number, untilMs: number): void {
    this.#add(name, { value, bytes: bytes + ENTRY_BYTES, untilMs })
  }

  /** Keys have changed: nothing that was verified before counts. */
  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#youngBytes = 0
  }

  get count(): number {
    return this.#young.size + this.#old.size
  }

  #add(name: string, entry: Entry<Value>): void {
    if (this.#youngBytes + entry.bytes > this.#halfBytesMax) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(name, entry)
    this.#youngBytes += entry.bytes
  }

  #forget(name: string): undefined {
    const entry = this.#young.get(name)
    if (entry !== undefined && this.#young.delete(name)) this.#youngBytes -= entry.bytes
    return undefined
  }
}
