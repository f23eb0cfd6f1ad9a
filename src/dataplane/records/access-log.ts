import { AccessLine, lineBytesMax } from './access-line.ts'
import { BatchBuffers, type SendBatch } from './batch-buffers.ts'
import type { ExchangeRecord } from './record.ts'

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

/** More than any line takes: as long as there is that much room, no line needs to be measured first. */
const ROOM_BYTES = 24 * 1024

/** `send` takes ownership of the buffer and brings it back through `giveBack`. */
export function createAccessLog(send: SendBatch): AccessLog {
  const batches = new BatchBuffers(send)
  const line = new AccessLine()
  return {
    write(record) {
      const needed = batches.room >= ROOM_BYTES ? 0 : lineBytesMax(record)
      const buffer = batches.reserve(needed)
      if (buffer !== null) batches.end = line.write(record, buffer, batches.end)
    },
    flush: () => batches.flush(),
    giveBack: (buffer) => batches.giveBack(buffer),
    get droppedCount() {
      return batches.droppedCount
    },
  }
}
