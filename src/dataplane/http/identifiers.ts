import { randomFillSync } from 'node:crypto'

/** Random bytes that are drawn at once: a call per request would cost more than the rest of its head. */
const POOL_BYTES = 4096
const REQUEST_ID_CHARACTERS_MAX = 128

/** Three hexadecimal digits of each number below 4096. */
const HEX = Array.from({ length: 4096 }, (_, i) => (i + 4096).toString(16).slice(1))

/** Names requests and spans. One a worker. */
export interface Identifiers {
  /** 26 characters, not guessable from another one: 40 bits of each are random, and 40 of each worker. Unique for 16 million requests at least. */
  requestId(): string
  /** `traceparent` of the request to the upstream: the trace of the incoming one if that is valid, else a new one; always a new span. */
  traceparent(incoming: string | undefined): string
}

export function createIdentifiers(): Identifiers {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let hex = ''
  let at = 0
  let count = 0
  const prefix = randomHex(10)

  function randomHex(digits: number): string {
    if (at + digits > hex.length) {
      randomFillSync(pool)
      hex = pool.toString('hex')
      at = 0
    }
    const start = at
    at += digits
    return hex.slice(start, at)
  }

  return {
    requestId() {
      count = (count + 1) & 0xffffff
      return prefix + HEX[count >>> 12]! + HEX[count & 0xfff]! + randomHex(10)
    },
    traceparent(incoming) {
      if (incoming !== undefined && isTraceparent(incoming)) {
        return `00-${incoming.slice(3, 35)}-${randomHex(16)}-${incoming.slice(53, 55)}`
      }
      return `00-${randomHex(32)}-${randomHex(16)}-00`
    },
  }
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** W3C Trace Context level 1, section 3.2.2: versions we know nothing of may have more behind the flags. */
export function isTraceparent(value: string): boolean {
  if (value.length === 55) return TRACEPARENT.test(value)
  return (
    value.length > 55 &&
    value[55] === '-' &&
    !value.startsWith('00') &&
    TRACEPARENT.test(value.slice(0, 55))
  )
}

/** Whether a request id from outside may be kept: printable ASCII without what would need quoting, at most 128 characters. */
export function isRequestId(value: string): boolean {
  if (value.length === 0 || value.length > REQUEST_ID_CHARACTERS_MAX) return false
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 33 || code > 126 || code === 34 || code === 92) return false
  }
  return true
}
