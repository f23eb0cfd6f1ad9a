import type { AttributeText } from '../../../../mechanisms/log-line/attribute-text.ts'
import type { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'

/** Values within each other; a deeper one is left out. */
const DEPTH_MAX = 12

/** A value as OpenTelemetry's `AnyValue` has it, as JSON would have it. */
export type AnyValue =
  | string
  | number
  | boolean
  | null
  | readonly AnyValue[]
  | ReadonlyMap<string, AnyValue>

/** Reads an `AnyValue` (opentelemetry/proto/common/v1/common.proto). */
export function readAnyValue(reader: ProtobufReader, depth = 0): AnyValue {
  let value: AnyValue = null
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        value = reader.text()
        break
      case 2:
        value = reader.uint64() !== 0
        break
      case 3:
        value = reader.int64()
        break
      case 4:
        value = reader.double()
        break
      case 5:
        value = depth < DEPTH_MAX ? readList(reader.message(), depth) : skip(reader)
        break
      case 6:
        value = depth < DEPTH_MAX ? readPairs(reader.message(), depth) : skip(reader)
        break
      case 7:
        value = base64Of(reader)
        break
      default:
        reader.skip()
    }
  }
  return value
}

/** Reads a `KeyValue`. */
export function readKeyValue(reader: ProtobufReader, depth = 0): readonly [string, AnyValue] {
  let key = ''
  let value: AnyValue = null
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) value = readAnyValue(reader.message(), depth)
    else reader.skip()
  }
  return [key, value]
}

/** Adds a value under a name; pairs within it by names with dots. */
export function addAnyValue(into: AttributeText, name: string, value: AnyValue): void {
  if (value instanceof Map) {
    for (const [key, inner] of value as ReadonlyMap<string, AnyValue>) {
      addAnyValue(into, name === '' ? key : `${name}.${key}`, inner)
    }
  } else if (typeof value === 'string') into.addText(name, value)
  else if (typeof value === 'number' || typeof value === 'boolean') into.addPlain(name, value)
  else if (value !== null) into.addValue(name, plainOf(value))
}

/** What JSON makes of it. */
export function plainOf(value: AnyValue): unknown {
  if (Array.isArray(value)) return value.map((one: AnyValue) => plainOf(one))
  if (!(value instanceof Map)) return value
  const entries = [...(value as ReadonlyMap<string, AnyValue>)]
  return Object.fromEntries(entries.map(([key, inner]) => [key, plainOf(inner)]))
}

function readList(reader: ProtobufReader, depth: number): AnyValue {
  const values: AnyValue[] = []
  while (reader.next()) {
    if (reader.field === 1) values.push(readAnyValue(reader.message(), depth + 1))
    else reader.skip()
  }
  return values
}

function readPairs(reader: ProtobufReader, depth: number): AnyValue {
  const pairs = new Map<string, AnyValue>()
  while (reader.next()) {
    if (reader.field === 1) pairs.set(...readKeyValue(reader.message(), depth + 1))
    else reader.skip()
  }
  return pairs
}

function base64Of(reader: ProtobufReader): string {
  const length = reader.length()
  return Buffer.from(reader.bytes.subarray(reader.at - length, reader.at)).toString('base64')
}

function skip(reader: ProtobufReader): null {
  reader.skip()
  return null
}
