import { parseAddress } from '../../mechanisms/cidr/address.ts'
import { momentOf, takeToken, unitsPerToken } from '../../mechanisms/token-bucket/token-bucket.ts'
import type { Clock } from '../../platform/capability.ts'
import { isLoopbackHost } from '../../platform/config/addresses.ts'

/** Address blocks that are remembered; the one that asked longest ago is forgotten first. */
export const BLOCKS_MAX = 10_000

/** What to do with a datagram: answer it, say "ask over TCP", or nothing. */
export type Verdict = 'answer' | 'truncate' | 'drop'

interface Block {
  fullAt: number
  refusedCount: number
}

/**
 * Response rate limiting: a sender's address over UDP can be forged, and whoever has it gets the answers. So each block of addresses gets so many
 * answers a second; of what is more, every second one says in a few bytes that TCP is the way, which whoever is real will take. This machine's own
 * addresses cannot be forged from outside and have no limit.
 */
export class SourceLimit {
  readonly #clock: Clock
  readonly #blocks = new Map<string, Block>()
  readonly #sinceMs: number
  #perSecond = 0

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
    this.configure(perSecond)
  }

  /** 0: no limit. */
  configure(perSecond: number): void {
    if (perSecond !== this.#perSecond) this.#blocks.clear()
    this.#perSecond = perSecond
  }

  judge(address: string): Verdict {
    const perSecond = this.#perSecond
    if (perSecond === 0 || isLoopbackHost(address)) return 'answer'
    const block = this.#blockOf(blockKey(address))
    const burst = Math.max(1, Math.ceil(perSecond))
    const rate = Math.max(1, Math.round(perSecond))
    const units = unitsPerToken(rate)
    const now = momentOf(this.#clock.monotonicMs() - this.#sinceMs, rate, units)
    const fullAt = takeToken(block.fullAt, now, units, burst)
    if (fullAt >= 0) {
      block.fullAt = fullAt
      return 'answer'
    }
    block.refusedCount++
    return block.refusedCount % 2 === 1 ? 'truncate' : 'drop'
  }

  #blockOf(key: string): Block {
    const known = this.#blocks.get(key)
    if (known !== undefined) {
      this.#blocks.delete(key)
      this.#blocks.set(key, known)
      return known
    }
    if (this.#blocks.size >= BLOCKS_MAX) {
      const [oldest] = this.#blocks.keys()
      if (oldest !== undefined) this.#blocks.delete(oldest)
    }
    const block = { fullAt: 0, refusedCount: 0 }
    this.#blocks.set(key, block)
    return block
  }
}

/** /24 of IPv4, /56 of IPv6: what one network can send from. */
function blockKey(address: string): string {
  const parsed = parseAddress(address)
  if (parsed === undefined) return address
  const [first = 0, second = 0] = parsed.words
  return parsed.family === 4 ? `4 ${first >>> 8}` : `6 ${first} ${second >>> 8}`
}
