import type { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { CODE, GrpcError } from './grpc-error.ts'

/** Values in values: deeper ones are refused. */
const DEPTH_MAX = 32

/** One entry of a map of `google.protobuf.Value`, put into `into`. */
export function readStruct(entry: ProtobufReader, into: Map<string, unknown>, depth = 0): void {
  let key = ''
  let value: unknown = null
  while (entry.next()) {
    if (entry.field === 1) key = entry.text()
    else if (entry.field === 2) value = readValue(entry.message(), depth)
    else entry.skip()
  }
  into.set(key, value)
}

/** null = 1, number = 2, string = 3, bool = 4, struct = 5, list = 6. */
function readValue(reader: ProtobufReader, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new GrpcError(CODE.invalidArgument, 'a property is too deep')
  let value: unknown = null
  while (reader.next()) {
    if (reader.field === 2) value = reader.double()
    else if (reader.field === 3) value = reader.text()
    else if (reader.field === 4) value = reader.uint64() === 1
    else if (reader.field === 5) value = readFields(reader.message(), depth + 1)
    else if (reader.field === 6) value = readList(reader.message(), depth + 1)
    else reader.skip()
  }
  return value
}

function readFields(reader: ProtobufReader, depth: number): object {
  const fields = new Map<string, unknown>()
  while (reader.next()) {
    if (reader.field === 1) readStruct(reader.message(), fields, depth)
    else reader.skip()
  }
  return Object.fromEntries(fields)
}

function readList(reader: ProtobufReader, depth: number): unknown[] {
  const values: unknown[] = []
  while (reader.next()) {
    if (reader.field === 1) values.push(readValue(reader.message(), depth))
    else reader.skip()
  }
  return values
}
