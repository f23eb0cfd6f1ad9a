import type { ReadGate } from '../io/read-gate.ts'
import { EarlyBytes } from './early-bytes.ts'

/** What may be read ahead of a request that is being answered: enough to see a pipelining client leave. */
const EARLY_BYTES_MAX = 64 * 1024

/** Why a connection is not read. */
export const HOLD = {
  /** Its exchange cannot take more of the body. */
  exchange: 1,
  /** As much as may be kept of what cannot be used yet is kept. */
  early: 2,
} as const

/** Who uses what was read. */
export interface IntakeUser {
  /** Returns the position behind what was used of [start, end); the rest is kept. */
  use(bytes: Buffer, start: number, end: number): number
  /** The next bytes cannot be used before something else has happened: no more is read than is kept. Half a head alone waits for its rest. */
  mustWait(): boolean
}

/** What was read of one connection and cannot be used yet: half a head, the rest of a body that the instance does not take, the next requests. */
export class Intake {
  readonly #gate: ReadGate
  readonly #user: IntakeUser
  readonly #early = new EarlyBytes()

  constructor(gate: ReadGate, user: IntakeUser) {
    this.#gate = gate
    this.#user = user
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#early.length
  }

  /** [0, length) was read. With `mayUse` what waits is looked at again. */
  receive(bytes: Buffer, length: number, mayUse: boolean): void {
    if (this.#early.length > 0) {
      this.#early.add(bytes, 0, length)
      if (mayUse) this.useEarly()
    } else {
      const used = this.#user.use(bytes, 0, length)
      if (used === length) return
      this.#early.add(bytes, used, length)
    }
    if (this.#isFull) this.#gate.hold(HOLD.early)
  }

  /** What waits may be of use now. */
  useEarly(): void {
    const { length } = this.#early
    if (length === 0) return
    const used = this.#user.use(this.#early.bytes, 0, length)
    if (used > 0) this.#early.dropUntil(used)
    if (!this.#isFull) this.#gate.open(HOLD.early)
  }

  clear(): void {
    this.#early.clear()
  }

  /** Enough waits for the end of a request, or for a client that does not read its answers. */
  get #isFull(): boolean {
    return this.#early.length >= EARLY_BYTES_MAX && this.#user.mustWait()
  }
}
