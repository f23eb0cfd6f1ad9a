import type { NewEvent, StoredEvent } from './model.ts'

/**
 * Events between our threads: one run of bytes, little endian, which is handed over and not copied. A new event has a head of 32 bytes
 * (index of the stream u16, flags u8, spare u8, length of the type u32, of data u32, of metadata u32, id 16), then type, data, metadata.
 */
const NEW_HEAD = 32
/** Position f64, revision f64, time f64, flags u8, spare u8, stream u16, type u32, data u32, metadata u32, id 16; then the texts and bytes. */
const STORED_HEAD = 56
/** Of the flags: data is JSON. */
export const FLAG_JSON = 1

/** A run of bytes that grows. */
export class Packer {
  #bytes: Buffer<ArrayBuffer>
  #length = 0

  constructor(bytes = 64 * 1024) {
    this.#bytes = Buffer.from(new ArrayBuffer(bytes))
  }

  get length(): number {
    return this.#length
  }

  /** Adds an event of an append. */
  addNew(event: NewEvent, streamIndex: number): void {
    const typeLength = Buffer.byteLength(event.type)
    const { data, metadata } = event
    const at = this.#take(NEW_HEAD + typeLength + data.length + metadata.length)
    const bytes = this.#bytes
    bytes.writeUInt16LE(streamIndex, at)
    bytes[at + 2] = event.isJson ? FLAG_JSON : 0
    bytes.writeUInt32LE(typeLength, at + 4)
    bytes.writeUInt32LE(data.length, at + 8)
    bytes.writeUInt32LE(metadata.length, at + 12)
    writeId(bytes, event.id, at + 16)
    bytes.write(event.type, at + NEW_HEAD, 'utf8')
    bytes.set(data, at + NEW_HEAD + typeLength)
    bytes.set(metadata, at + NEW_HEAD + typeLength + data.length)
  }

  /** Adds an event as it was read. */
  addStored(row: StoredRow): void {
    const streamLength = Buffer.byteLength(row.stream)
    const typeLength = Buffer.byteLength(row.type)
    const { data, metadata } = row
    const texts = streamLength + typeLength
    const at = this.#take(STORED_HEAD + texts + data.length + metadata.length)
    const bytes = this.#bytes
    bytes.writeDoubleLE(row.position, at)
    bytes.writeDoubleLE(row.revision, at + 8)
    bytes.writeDoubleLE(row.atUs, at + 16)
    bytes[at + 24] = row.flags
    bytes.writeUInt16LE(streamLength, at + 26)
    bytes.writeUInt32LE(typeLength, at + 28)
    bytes.writeUInt32LE(data.length, at + 32)
    bytes.writeUInt32LE(metadata.length, at + 36)
    bytes.set(row.id, at + 40)
    bytes.write(row.stream, at + STORED_HEAD, 'utf8')
    bytes.write(row.type, at + STORED_HEAD + streamLength, 'utf8')
    bytes.set(data, at + STORED_HEAD + texts)
    bytes.set(metadata, at + STORED_HEAD + texts + data.length)
  }

  /** Everything so far; the packer is not used any more. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  #take(length: number): number {
    const at = this.#length
    this.#length += length
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.from(new ArrayBuffer(Math.max(this.#length, this.#bytes.length * 2)))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }
}

/** A row of the store as it is packed. */
export interface StoredRow {
  readonly position: number
  readonly revision: number
  readonly atUs: number
  readonly flags: number
  readonly stream: string
  readonly type: string
  readonly id: Uint8Array
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** A new event in the thread that stores it. */
export interface PackedEvent {
  readonly streamIndex: number
  readonly flags: number
  readonly type: string
  /** 16 bytes. */
  readonly id: Uint8Array
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** The next event at `at`, and where the one behind it begins. The bytes are views. */
export function unpackNew(
  bytes: Buffer,
  at: number,
): { readonly event: PackedEvent; readonly end: number } {
  const type = at + NEW_HEAD
  const data = type + bytes.readUInt32LE(at + 4)
  const metadata = data + bytes.readUInt32LE(at + 8)
  const end = metadata + bytes.readUInt32LE(at + 12)
  const event = {
    streamIndex: bytes.readUInt16LE(at),
    flags: bytes[at + 2] ?? 0,
    type: bytes.toString('utf8', type, data),
    id: bytes.subarray(at + 16, at + 32),
    data: bytes.subarray(data, metadata),
    metadata: bytes.subarray(metadata, end),
  }
  return { event, end }
}

/** All events of a page. Data and metadata are views of the bytes. */
export function unpackStored(packed: Uint8Array): StoredEvent[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length)
  const events: StoredEvent[] = []
  for (let at = 0; at < bytes.length;) {
    const stream = at + STORED_HEAD
    const type = stream + bytes.readUInt16LE(at + 26)
    const data = type + bytes.readUInt32LE(at + 28)
    const metadata = data + bytes.readUInt32LE(at + 32)
    const end = metadata + bytes.readUInt32LE(at + 36)
    events.push({
      position: bytes.readDoubleLE(at),
      revision: bytes.readDoubleLE(at + 8),
      atUs: bytes.readDoubleLE(at + 16),
      isJson: ((bytes[at + 24] ?? 0) & FLAG_JSON) !== 0,
      stream: bytes.toString('utf8', stream, type),
      type: bytes.toString('utf8', type, data),
      id: formatId(bytes, at + 40),
      data: bytes.subarray(data, metadata),
      metadata: bytes.subarray(metadata, end),
    })
    at = end
  }
  return events
}

function writeId(bytes: Buffer, id: string, at: number): void {
  bytes.write(
    id.slice(0, 8) + id.slice(9, 13) + id.slice(14, 18) + id.slice(19, 23) + id.slice(24),
    at,
    'hex',
  )
}

/** The 36 characters of a UUID of 16 bytes. */
export function formatId(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
