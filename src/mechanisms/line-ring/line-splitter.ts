const NEWLINE = 10
const RETURN = 13

/** What ends a line that was cut; its three bytes count within the limit. */
export const CUT_MARK = '…'
const CUT_MARK_BYTES = 3

/** Bytes in, lines out. */
export interface LineSplitter {
  /** Calls `onLine` for each line that ends in this chunk. The chunk is not kept. */
  push(chunk: Uint8Array): void
  /** The stream is over: what is left without a newline is a line too. */
  end(): void
}

/**
 * Splits a byte stream at LF or CRLF into UTF-8 text; a character may span chunks, and bytes that are no UTF-8
 * become U+FFFD. A line of more than `lineBytesMax` bytes is cut at a character, ends with `…`, and its rest is skipped.
 * Control sequences (colours) stay. Holds at most one unfinished line.
 */
export function createLineSplitter(options: {
  readonly lineBytesMax: number
  readonly onLine: (text: string) => void
}): LineSplitter {
  const { lineBytesMax, onLine } = options
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** One byte beyond the limit: a carriage return that may belong to the line's end. */
  const pendingMax = lineBytesMax + 1
  let pending = new Uint8Array(Math.min(256, pendingMax))
  let pendingBytes = 0
  /** Bytes of the unfinished line in all, also of those that were skipped. */
  let seenBytes = 0

  function keep(part: Uint8Array): void {
    seenBytes += part.length
    const room = Math.min(part.length, pendingMax - pendingBytes)
    const wanted = pendingBytes + room
    if (wanted > pending.length) {
      const larger = new Uint8Array(Math.min(pendingMax, Math.max(wanted, pending.length * 2)))
      larger.set(pending.subarray(0, pendingBytes))
      pending = larger
    }
    pending.set(part.subarray(0, room), pendingBytes)
    pendingBytes = wanted
  }

  function finish(): void {
    emit(pending.subarray(0, pendingBytes), seenBytes)
    pendingBytes = 0
    seenBytes = 0
  }

  /** `line` holds the first bytes of a line of `bytes` bytes, the carriage return of a CRLF included. */
  function emit(line: Uint8Array, bytes: number): void {
    const hasReturn = line.length === bytes && line[bytes - 1] === RETURN
    const length = hasReturn ? bytes - 1 : bytes
    if (length <= lineBytesMax) onLine(decoder.decode(line.subarray(0, length)))
    else
      onLine(
        decoder.decode(line.subarray(0, cutAt(line, lineBytesMax - CUT_MARK_BYTES))) + CUT_MARK,
      )
  }

  return {
    push(chunk) {
      let start = 0
      for (;;) {
        const end = chunk.indexOf(NEWLINE, start)
        if (end < 0) break
        if (seenBytes === 0) {
          emit(chunk.subarray(start, end), end - start)
        } else {
          keep(chunk.subarray(start, end))
          finish()
        }
        start = end + 1
      }
      if (start < chunk.length) keep(chunk.subarray(start))
    },
    end() {
      if (seenBytes > 0) finish()
    },
  }
}

/** The last place at or before `at` where a character begins. */
function cutAt(line: Uint8Array, at: number): number {
  let cut = Math.max(0, at)
  while (cut > 0 && cut > at - 3 && (line[cut]! & 0xc0) === 0x80) cut--
  return cut
}
