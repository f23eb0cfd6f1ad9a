import { recordBytesMax, RecordWriter } from '../../contracts/records.ts'
import { BatchBuffers, type SendBatch } from './batch-buffers.ts'
import type { ExchangeRecord } from './record.ts'

/** Finished requests of one worker on their way to telemetry, in batches, never waiting for anybody. */
export interface RecordBatches {
  add(record: ExchangeRecord): void
  /** Hands over what there is. */
  flush(): void
  /** The batch is with the main thread's queue; its buffer is used again. */
  giveBack(buffer: ArrayBuffer): void
  /** Records dropped so far. */
  readonly droppedCount: number
}

/** Bytes of a batch: the largest record there can be, with sixteen attempts and the longest names, takes 87 KiB. */
export const RECORD_BATCH_BYTES = 256 * 1024
/** As long as there is that much room, no record needs to be measured first: a record of one attempt is smaller. */
const ROOM_BYTES = 16 * 1024

/** `send` takes ownership of the buffer and brings it back through `giveBack`. */
export function createRecordBatches(send: SendBatch): RecordBatches {
  const batches = new BatchBuffers(send, RECORD_BATCH_BYTES)
  const writer = new RecordWriter()
  return {
    add(record) {
      const isSmall = batches.room >= ROOM_BYTES && record.attemptCount + record.policyCount <= 1
      const needed = isSmall ? 0 : recordBytesMax(record)
      const buffer = batches.reserve(needed)
      if (buffer === null) return
      const at = batches.end === 0 ? writer.begin(buffer, 0) : batches.end
      batches.end = writer.write(record, buffer, at)
    },
    flush: () => batches.flush(),
    giveBack: (buffer) => batches.giveBack(buffer),
    get droppedCount() {
      return batches.droppedCount
    },
  }
}
