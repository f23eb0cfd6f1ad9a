import { inflateSync } from 'node:zlib'
import type { LogRecord } from '../../../../contracts/signals.ts'
import {
  LumberjackError,
  readLumberjackFrame,
  writeAcknowledgement,
} from '../../../../mechanisms/lumberjack/frames.ts'
import type { TcpConnection, TcpOptions } from '../../../../platform/listeners/opening.ts'
import { createGround, recordOf, type DecodeGround } from '../draft.ts'
import { recordOfDocument } from '../elasticsearch/document.ts'
import type { Ingest } from '../ingest.ts'
import { emptyFields } from '../../../../mechanisms/log-line/document.ts'

/** Bytes of one frame, and of what a compressed one becomes. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024
const INFLATED_BYTES_MAX = 64 * 1024 * 1024

/** A large window is stored in parts of this size; only its end is acknowledged. */
const PART_BYTES_MAX = 4 * 1024 * 1024
/** Records in it: small ones take more memory than their bytes. */
const PART_RECORDS_MAX = 10_000
/** Parts of one connection that wait for the disk: a client that does not wait for acknowledgements is cut off. */
const PARTS_WAITING_MAX = 16

/** What the listener hands over to. */
export interface LumberjackNeeds {
  readonly ingest: Ingest
  readonly nowMs: () => number
}

interface Sender {
  /** Events that have come and are not on their way to the disk yet. */
  records: LogRecord[]
  bytes: number
  partsWaiting: number
  left: number
  sequence: number
  /** Nothing that it still sends is looked at. */
  isEnded: boolean
  /** Windows are stored and acknowledged one after the other. */
  storing: Promise<void>
}

/** Beats' own protocol, as Logstash has it: a window is acknowledged when it is on the disk. What cannot be taken ends the connection, and the Beat sends it again. */
export function lumberjackOverTcp(needs: LumberjackNeeds): TcpOptions {
  const senders = new WeakMap<TcpConnection, Sender>()
  return {
    limits: { messageBytesMax: FRAME_BYTES_MAX + 64 * 1024 },
    received(bytes, connection) {
      const sender = senders.get(connection) ?? {
        records: [],
        bytes: 0,
        partsWaiting: 0,
        left: 0,
        sequence: 0,
        isEnded: false,
        storing: Promise.resolve(),
      }
      senders.set(connection, sender)
      if (sender.isEnded) return bytes.length
      try {
        return readFrames(needs, sender, connection, bytes, createGround(needs.nowMs(), Infinity))
      } catch (error) {
        if (!(error instanceof LumberjackError)) throw error
        sender.isEnded = true
        sender.records = []
        connection.end()
        return bytes.length
      }
    },
  }
}

function readFrames(
  needs: LumberjackNeeds,
  sender: Sender,
  connection: TcpConnection,
  bytes: Buffer,
  ground: DecodeGround,
  isInflated = false,
): number {
  let at = 0
  for (;;) {
    const frame = readLumberjackFrame(bytes, at, FRAME_BYTES_MAX)
    if (frame === undefined) return at
    if (frame.kind === 'window') sender.left = frame.size
    else if (frame.kind === 'event') {
      sender.records.push(eventOf(bytes.toString('utf8', frame.start, frame.end), ground))
      sender.sequence = frame.sequence
      sender.left--
      sender.bytes += frame.end - frame.start
      const isWhole = sender.left <= 0
      const isFull = sender.bytes > PART_BYTES_MAX || sender.records.length >= PART_RECORDS_MAX
      if (isWhole || isFull) store(needs, sender, connection, isWhole)
    } else if (isInflated) {
      // Within each other they would become more than any limit.
      throw new LumberjackError('a compressed frame in a compressed frame')
    } else {
      const inflated = inflate(bytes.subarray(frame.start, frame.end))
      readFrames(needs, sender, connection, inflated, ground, true)
    }
    at = frame.next
  }
}

function inflate(bytes: Uint8Array): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX })
  } catch (error) {
    throw new LumberjackError(`a compressed frame: ${String(error)}`)
  }
}

/** An event that is no JSON object is text: nothing is refused for its shape. */
function eventOf(text: string, ground: DecodeGround): LogRecord {
  let event: unknown
  try {
    event = JSON.parse(text)
  } catch {
    event = undefined
  }
  if (typeof event === 'object' && event !== null && !Array.isArray(event)) {
    return { ...recordOfDocument(event, '', ground), source: 'beats' }
  }
  const fields = emptyFields()
  fields.body = text
  return recordOf(fields, { service: '', instance: '', source: 'beats' }, ground)
}

function store(
  { ingest }: LumberjackNeeds,
  sender: Sender,
  connection: TcpConnection,
  isWhole: boolean,
): void {
  if (++sender.partsWaiting > PARTS_WAITING_MAX)
    throw new LumberjackError('it waits for no acknowledgement')
  const { records, sequence } = sender
  sender.records = []
  sender.bytes = 0
  sender.storing = sender.storing.then(async () => {
    try {
      await ingest.takeLogs(records, 'retries')
      if (isWhole) connection.write(writeAcknowledgement(sequence))
    } catch {
      // It is refused, and counted; the Beat connects again and sends it again.
      sender.isEnded = true
      connection.end()
    }
    sender.partsWaiting--
  })
}
