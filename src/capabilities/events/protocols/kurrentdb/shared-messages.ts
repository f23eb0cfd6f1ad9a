import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { Expected } from '../../model.ts'
import { CODE, GrpcError } from './grpc-error.ts'

/** How a client wants ids: as text, or as two numbers of 64 bits. */
export type UuidForm = 'string' | 'structured'

/** The bytes of a field. */
export function bytesOf(reader: ProtobufReader): Uint8Array {
  const length = reader.length()
  return reader.bytes.subarray(reader.at - length, reader.at)
}

/** `event_store.client.UUID`, in 36 characters. */
export function readUuid(reader: ProtobufReader): string {
  const uuid = reader.message()
  let text = ''
  while (uuid.next()) {
    if (uuid.field === 2) text = uuid.text().toLowerCase()
    else if (uuid.field === 1) text = readStructured(uuid.message())
    else uuid.skip()
  }
  return text
}

/** Bytes of a number of 64 bits. */
const VARINT_BYTES_MAX = 10

function readStructured(reader: ProtobufReader): string {
  const halves = [0n, 0n]
  while (reader.next()) {
    const start = reader.at
    reader.skip()
    if (reader.field !== 1 && reader.field !== 2) continue
    // A run of bytes in place of a number would be turned into one of megabytes, for minutes.
    if (reader.at - start > VARINT_BYTES_MAX) throw missing('id that is a number')
    let value = 0n
    for (let at = reader.at - 1; at >= start; at--) {
      value = (value << 7n) | BigInt((reader.bytes[at] ?? 0) & 127)
    }
    halves[reader.field - 1] = BigInt.asUintN(64, value)
  }
  const hex = halves.map((half) => half.toString(16).padStart(16, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The same, in the form that the client wants. */
export function writeUuid(writer: ProtobufWriter, field: number, id: string, form: UuidForm): void {
  writer.message(field, (uuid) => {
    if (form === 'string') {
      uuid.text(2, id)
      return
    }
    const hex = id.replaceAll('-', '')
    uuid.message(1, (halves) =>
      halves.bigint(1, BigInt(`0x${hex.slice(0, 16)}`)).bigint(2, BigInt(`0x${hex.slice(16)}`)),
    )
  })
}

/** `UUIDOption`. */
export function readUuidForm(reader: ProtobufReader): UuidForm {
  const option = reader.message()
  let form: UuidForm = 'string'
  while (option.next()) {
    if (option.field === 1) form = 'structured'
    option.skip()
  }
  return form
}

/** `StreamIdentifier`: its name is bytes of UTF-8. */
export function readStreamName(reader: ProtobufReader): string {
  const identifier = reader.message()
  let name = ''
  while (identifier.next()) {
    if (identifier.field === 3) name = identifier.text()
    else identifier.skip()
  }
  return name
}

/** The same, written. */
export function writeStreamName(writer: ProtobufWriter, field: number, name: string): void {
  writer.message(field, (identifier) => identifier.text(3, name))
}

/** The fields `revision = 2, no_stream = 3, any = 4, stream_exists = 5` of options; undefined for another field, which is not read. */
export function readExpected(reader: ProtobufReader): Expected | undefined {
  switch (reader.field) {
    case 2:
      return reader.uint64()
    case 3:
      reader.skip()
      return 'none'
    case 4:
      reader.skip()
      return 'any'
    case 5:
      reader.skip()
      return 'exists'
    default:
      return undefined
  }
}

/** A position as commit and prepare, which are the same number here. */
export function writePosition(writer: ProtobufWriter, field: number, position: number): void {
  writer.message(field, (at) => at.uint(1, position).uint(2, position))
}

/** `google.protobuf.Timestamp`. */
export function writeTimestamp(writer: ProtobufWriter, field: number, nowMs: number): void {
  writer.message(field, (time) =>
    time.uint(1, Math.floor(nowMs / 1_000)).uint(2, Math.round((nowMs % 1_000) * 1e6)),
  )
}

/** A number of 64 bits that is none of ours: the end. */
export function isEndNumber(value: number): boolean {
  return value > Number.MAX_SAFE_INTEGER
}

/** Something that must be said was not. */
export function missing(what: string): GrpcError {
  return new GrpcError(CODE.invalidArgument, `the request says no ${what}`)
}
