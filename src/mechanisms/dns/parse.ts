import {
  HEADER_BYTES,
  TYPE,
  type DnsMessage,
  type DnsRecord,
  type Edns,
  type Question,
  type RecordData,
} from './message.ts'
import { createName, NAME_BYTES_MAX, type DnsName } from './name.ts'

/** The bytes are no message; `reason` says what is wrong with them. */
export class DnsFormatError extends Error {
  override readonly name = 'DnsFormatError'
  readonly code = 'ERR_DNS_FORMAT'
}

/** Where a reader stands. */
interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/**
 * Reads a whole message (RFC 1035 section 4.1). Strict: sections as long as the head says, nothing behind them, compression pointers only
 * backwards, at most one OPT record. Throws `DnsFormatError`.
 */
export function parseMessage(bytes: Uint8Array): DnsMessage {
  if (bytes.length < HEADER_BYTES) throw new DnsFormatError('shorter than a head')
  const cursor: Cursor = { bytes, at: HEADER_BYTES }
  const flags = u16At(bytes, 2)
  const questions = readMany(cursor, u16At(bytes, 4), readQuestion)
  const answers = readMany(cursor, u16At(bytes, 6), readRecord)
  const authorities = readMany(cursor, u16At(bytes, 8), readRecord)
  const additionals = readMany(cursor, u16At(bytes, 10), readRecord)
  if (cursor.at !== bytes.length) throw new DnsFormatError('bytes behind the last section')
  const opt = findOpt(answers, authorities, additionals)
  return {
    id: u16At(bytes, 0),
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    isAuthoritative: (flags & 0x0400) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isRecursionAvailable: (flags & 0x0080) !== 0,
    rcode: (flags & 0xf) | (opt === undefined ? 0 : (opt.ttlS >>> 24) << 4),
    questions,
    answers,
    authorities,
    additionals: opt === undefined ? additionals : additionals.filter((one) => one !== opt),
    edns: opt && ednsOf(opt),
  }
}

function readMany<Item>(
  cursor: Cursor,
  count: number,
  read: (cursor: Cursor) => Item,
): readonly Item[] {
  const items: Item[] = []
  // Each takes bytes: a count that lies ends at the end of the message.
  for (let i = 0; i < count; i++) items.push(read(cursor))
  return items
}

function readQuestion(cursor: Cursor): Question {
  const name = readName(cursor)
  return { name, type: readU16(cursor), class: readU16(cursor) }
}

function readRecord(cursor: Cursor): DnsRecord {
  const name = readName(cursor)
  const type = readU16(cursor)
  const klass = readU16(cursor)
  const ttlS = readU16(cursor) * 0x10000 + readU16(cursor)
  const end = readU16(cursor) + cursor.at
  if (end > cursor.bytes.length) throw new DnsFormatError('a record ends behind the message')
  const data = readData(cursor, type, end)
  if (cursor.at !== end) throw new DnsFormatError('a record is not as long as it says')
  return { name, class: klass, ttlS, data }
}

function readData(cursor: Cursor, type: number, end: number): RecordData {
  switch (type) {
    case TYPE.A:
      return { type: 'A', address: readBytes(cursor, 4) }
    case TYPE.AAAA:
      return { type: 'AAAA', address: readBytes(cursor, 16) }
    case TYPE.NS:
      return { type: 'NS', target: readName(cursor) }
    case TYPE.CNAME:
      return { type: 'CNAME', target: readName(cursor) }
    case TYPE.PTR:
      return { type: 'PTR', target: readName(cursor) }
    case TYPE.SRV:
      return {
        type: 'SRV',
        priority: readU16(cursor),
        weight: readU16(cursor),
        port: readU16(cursor),
        target: readName(cursor),
      }
    case TYPE.TXT:
      return { type: 'TXT', texts: readTexts(cursor, end) }
    case TYPE.SOA:
      return {
        type: 'SOA',
        primary: readName(cursor),
        mailbox: readName(cursor),
        serial: readU32(cursor),
        refreshS: readU32(cursor),
        retryS: readU32(cursor),
        expireS: readU32(cursor),
        negativeS: readU32(cursor),
      }
    default:
      return { type: 'OTHER', number: type, bytes: readBytes(cursor, end - cursor.at) }
  }
}

function readTexts(cursor: Cursor, end: number): readonly string[] {
  const texts: string[] = []
  while (cursor.at < end) {
    const length = readU8(cursor)
    texts.push(latin1(readBytes(cursor, length)))
  }
  if (texts.length === 0) throw new DnsFormatError('a TXT record without a text')
  return texts
}

/**
 * A name that may be compressed (RFC 1035 section 4.1.4). A pointer leads to before where its part of the name began, so that
 * following them ends; the whole is bounded as any name is.
 */
function readName(cursor: Cursor): DnsName {
  const { bytes } = cursor
  const labels: string[] = []
  let wireBytes = 1
  let at = cursor.at
  let partAt = at
  let end: number | undefined
  for (;;) {
    const length = bytes[at]
    if (length === undefined) throw new DnsFormatError('a name ends behind the message')
    if (length === 0) break
    if ((length & 0xc0) === 0xc0) {
      if (at + 1 >= bytes.length) throw new DnsFormatError('a name ends behind the message')
      const target = u16At(bytes, at) & 0x3fff
      if (target >= partAt) throw new DnsFormatError('a name points forward')
      end ??= at + 2
      at = partAt = target
      continue
    }
    if (length > 63) throw new DnsFormatError('a label of an unknown kind')
    wireBytes += length + 1
    if (wireBytes > NAME_BYTES_MAX) throw new DnsFormatError('a name is too long')
    if (at + 1 + length > bytes.length) throw new DnsFormatError('a name ends behind the message')
    labels.push(latin1(bytes.subarray(at + 1, at + 1 + length)))
    at += length + 1
  }
  cursor.at = end ?? at + 1
  const name = createName(labels)
  if (name === undefined) throw new DnsFormatError('a name is too long')
  return name
}

function findOpt(
  answers: readonly DnsRecord[],
  authorities: readonly DnsRecord[],
  additionals: readonly DnsRecord[],
): DnsRecord | undefined {
  const isOpt = ({ data }: DnsRecord): boolean => data.type === 'OTHER' && data.number === TYPE.OPT
  const found = additionals.filter(isOpt)
  // RFC 6891 section 6.1.1: one, in the additional section, with the name of the root.
  if (found.length > 1 || answers.some(isOpt) || authorities.some(isOpt)) {
    throw new DnsFormatError('an OPT record too many')
  }
  if (found[0] !== undefined && found[0].name.labels.length > 0) {
    throw new DnsFormatError('an OPT record with a name')
  }
  return found[0]
}

function ednsOf({ class: udpBytesMax, ttlS }: DnsRecord): Edns {
  return { udpBytesMax, version: (ttlS >>> 16) & 0xff, isDnssecOk: (ttlS & 0x8000) !== 0 }
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.at + length
  if (length < 0 || end > cursor.bytes.length) {
    throw new DnsFormatError('a value ends behind the message')
  }
  // A copy: a Buffer's own slice would share the memory of its owner.
  const part = new Uint8Array(cursor.bytes.subarray(cursor.at, end))
  cursor.at = end
  return part
}

function readU8(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at]
  if (value === undefined) throw new DnsFormatError('a value ends behind the message')
  cursor.at++
  return value
}

function readU16(cursor: Cursor): number {
  if (cursor.at + 2 > cursor.bytes.length) {
    throw new DnsFormatError('a value ends behind the message')
  }
  const value = u16At(cursor.bytes, cursor.at)
  cursor.at += 2
  return value
}

function readU32(cursor: Cursor): number {
  return readU16(cursor) * 0x10000 + readU16(cursor)
}

/** Both bytes are there. */
function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
