import type { Writable } from 'node:stream'
import type { Clock, Log, LogLevel } from './capability.ts'

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Bytes that may wait for a slow reader of the log; beyond it records are dropped and counted. */
export const LOG_BUFFER_BYTES_MAX = 1024 * 1024

/** A log of JSON lines: `{"time","level","message",...fields}`. Records below `least` are not written. Never blocks, never throws. */
export function createJsonLog(out: Writable, clock: Clock, least: LogLevel): Log {
  let dropped = 0
  return (level, message, fields) => {
    if (ranks[level] < ranks[least]) return
    if (out.writableLength > LOG_BUFFER_BYTES_MAX) {
      dropped++
      return
    }
    const lost = dropped === 0 ? {} : { recordsDropped: dropped }
    dropped = 0
    const time = new Date(clock.nowMs()).toISOString()
    out.write(`${JSON.stringify({ time, level, message, ...fields, ...lost }, plainErrors)}\n`)
  }
}

function plainErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  const code = 'code' in value ? { code: value.code } : {}
  return { name: value.name, message: value.message, ...code, stack: value.stack }
}
