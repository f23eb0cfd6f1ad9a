import { AttributeText } from '../../../../mechanisms/log-line/attribute-text.ts'
import type { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { addAnyValue, readKeyValue, type AnyValue } from './any-value.ts'
import { textOfJson } from './json.ts'

/** Who sent: the attributes of a resource (OpenTelemetry's semantic conventions). */
export interface Resource {
  readonly service: string
  readonly instance: string
  /** What else it says, for each of its records. */
  readonly attributes: readonly (readonly [string, AnyValue])[]
}

/** Nobody has said who sends. */
export const NO_RESOURCE: Resource = { service: '', instance: '', attributes: [] }

/** What every SDK says of itself tells nobody anything. */
const SDK = /^telemetry\.(?:sdk|distro)\./

/** Makes a resource of its attributes. */
export function resourceOf(pairs: readonly (readonly [string, AnyValue])[]): Resource {
  let service = ''
  let instance = ''
  const attributes: (readonly [string, AnyValue])[] = []
  for (const [name, value] of pairs) {
    if (name === 'service.name') service = textOfJson(value)
    else if (name === 'service.instance.id') instance = textOfJson(value)
    else if (!SDK.test(name)) attributes.push([`resource.${name}`, value])
  }
  return { service: isUnknown(service) ? '' : service, instance, attributes }
}

/** What SDKs say where nobody has named the service. */
function isUnknown(service: string): boolean {
  return service.startsWith('unknown_service')
}

/** Reads a `Resource` (opentelemetry/proto/resource/v1/resource.proto). */
export function readResource(reader: ProtobufReader): Resource {
  const pairs: (readonly [string, AnyValue])[] = []
  while (reader.next()) {
    if (reader.field === 1) pairs.push(readKeyValue(reader.message()))
    else reader.skip()
  }
  return resourceOf(pairs)
}

/** Adds what the resource says to the attributes of a record. */
export function addResource(into: AttributeText, { attributes }: Resource): void {
  for (const [name, value] of attributes) addAnyValue(into, name, value)
}

/** Nanoseconds of a fixed64 field: halves, which a number holds exactly. */
export interface Nanos {
  readonly high: number
  readonly low: number
}

/** A time that nobody has said. */
export const NO_NANOS: Nanos = { high: 0, low: 0 }

/** Reads a fixed64 field of time. */
export function readNanos(reader: ProtobufReader): Nanos {
  reader.skipDouble()
  return { high: reader.int32At(reader.at - 4) >>> 0, low: reader.int32At(reader.at - 8) >>> 0 }
}

/** Unix microseconds. */
export function microsOf({ high, low }: Nanos): number {
  // 2^32 / 1000 = 4294967.296: the whole part of a second term would not fit into 53 bits otherwise.
  return high * 4_294_967 + Math.floor((high * 296 + low) / 1_000)
}

/** Nanoseconds from one to the other; not below 0. */
export function nanosBetween(from: Nanos, to: Nanos): number {
  return Math.max(0, (to.high - from.high) * 4_294_967_296 + (to.low - from.low))
}

/** A text of decimal digits, as JSON writes 64 bits. */
export function nanosOfText(text: unknown): Nanos {
  const digits = typeof text === 'number' ? wholeDigits(text) : textOfJson(text)
  if (!/^\d{1,20}$/.test(digits)) return NO_NANOS
  const value = BigInt.asUintN(64, BigInt(digits))
  return { high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) }
}

function wholeDigits(value: number): string {
  return Number.isFinite(value) && value >= 0 ? BigInt(Math.trunc(value)).toString() : ''
}

/** Hexadecimal digits of an id; '' where it has another length or is all zero. */
export function readId(reader: ProtobufReader, bytes: number): string {
  const length = reader.length()
  if (length !== bytes) return ''
  const id = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + reader.at - length, length)
  return id.every((byte) => byte === 0) ? '' : id.toString('hex')
}
