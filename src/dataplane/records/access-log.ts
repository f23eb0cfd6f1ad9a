import { type ExchangeRecord, tellRecord } from './record.ts'

/** Lines that are handed to the main thread at once. */
export const LOG_BATCH_BYTES = 64 * 1024
/** Batches of one worker that may be on their way to the disk; beyond it lines are dropped and counted. */
export const LOG_BATCHES_MAX = 4
/** More than one line can have: the parts that a client makes long are cut. */
const LINE_BYTES_MAX = 8 * 1024
const PART_CHARACTERS_MAX = 1024

/** The access log of one worker: JSON lines, in batches, never waiting for anybody. */
export interface AccessLog {
  write(record: ExchangeRecord): void
  /** Hands over what there is. */
  flush(): void
  /** A batch is on the disk; its buffer is used again. */
  giveBack(buffer: ArrayBuffer): void
  /** Lines dropped so far. */
  readonly droppedCount: number
}

/** `send` takes ownership of the buffer and brings it back through `giveBack`. */
export function createAccessLog(send: (buffer: ArrayBuffer, length: number) => void): AccessLog {
  const spare: Buffer[] = []
  let made = 0
  let current: Buffer | undefined
  let end = 0
  let droppedCount = 0

  function take(): Buffer | undefined {
    const buffer = spare.pop()
    if (buffer !== undefined || made === LOG_BATCHES_MAX) return buffer
    made++
    return Buffer.from(new ArrayBuffer(LOG_BATCH_BYTES))
  }

  function flush(): void {
    if (current === undefined || end === 0) return
    const full = current
    const length = end
    current = undefined
    end = 0
    send(full.buffer as ArrayBuffer, length)
  }

  return {
    write(record) {
      if (current !== undefined && current.length - end < LINE_BYTES_MAX) flush()
      current ??= take()
      if (current === undefined) {
        droppedCount++
        return
      }
      end += current.write(formatAccess(record), end, 'latin1')
    },
    flush,
    giveBack: (buffer) => void spare.push(Buffer.from(buffer)),
    get droppedCount() {
      return droppedCount
    },
  }
}

let timeMs = 0
let timeText = ''

/** ISO 8601 with milliseconds; at full load many lines share one. */
export function formatTime(atMs: number): string {
  const ms = Math.floor(atMs)
  if (ms !== timeMs) {
    timeMs = ms
    timeText = new Date(ms).toISOString()
  }
  return timeText
}

/**
 * One line. No query, no header, no cookie: nothing that may be a secret. `us` is the duration in microseconds: an integer is formatted
 * five times as fast as a fraction, and this runs once a request.
 */
export function formatAccess(record: ExchangeRecord): string {
  const { attemptCount } = record
  const instance = attemptCount === 0 ? '' : record.attempts[attemptCount - 1]!.instance
  const caller = record.caller === '' ? '' : `,"caller":"${record.caller}"`
  const reason = record.reason === '' ? '' : `,"reason":"${record.reason}"`
  const told = tellRecord(record, 0)
  return (
    `{"time":"${formatTime(record.startedAtMs)}","id":${quote(told.requestId)},"client":"${record.client}"` +
    `,"listener":${quoteName(record.listener)}${caller},"method":"${record.method}","host":${quoteName(told.host)}` +
    `,"path":${quote(told.target)},"route":${quoteName(record.route)},"service":${quoteName(record.service)}` +
    `,"instance":${quoteName(instance)},"attempts":${attemptCount},"status":${record.status}${reason}` +
    `,"us":${Math.round(record.durationMs * 1000)},"in":${record.requestBytes},"out":${record.responseBytes}}\n`
  )
}

/** Names of the configuration and hosts repeat; clients can invent hosts, so that the memory is bounded. */
const NAMES_MAX = 1024
const names = new Map<string, string>()

function quoteName(name: string): string {
  const known = names.get(name)
  if (known !== undefined) return known
  if (names.size === NAMES_MAX) names.clear()
  const quoted = quote(name)
  names.set(name, quoted)
  return quoted
}

// Anything that JSON would have to escape, or that is not one byte in UTF-8.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /["\\\u0000-\u001f\u007f-\uffff]/

function quote(text: string): string {
  const short =
    text.length > PART_CHARACTERS_MAX ? `${text.slice(0, PART_CHARACTERS_MAX)}...` : text
  return UNSAFE.test(short) ? escapeAscii(short) : `"${short}"`
}

function escapeAscii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
