import {
  HEADER_BYTES,
  TYPE,
  type DnsMessage,
  type DnsRecord,
  type Edns,
  type Question,
  type RecordData,
} from './message.ts'
import type { DnsName } from './name.ts'

/** Offsets that a compression pointer can name (RFC 1035 section 4.1.4). */
const POINTER_MAX = 0x3fff

/** Bytes of an OPT record without options. */
export const OPT_BYTES = 11

/** Sections of a message that hold records, in the order in which they must be written. */
export type Section = 'answers' | 'authorities' | 'additionals'

const COUNT_AT = { questions: 4, answers: 6, authorities: 8, additionals: 10 } as const

/** What the head says beside the counts. */
export type Head = Pick<
  DnsMessage,
  | 'id'
  | 'isResponse'
  | 'opcode'
  | 'isAuthoritative'
  | 'isRecursionDesired'
  | 'isRecursionAvailable'
  | 'rcode'
>

/**
 * Writes one message after the other into its one buffer, with compression of names. What does not fit into the bytes that were given to
 * `begin` is not written, and the call says so; what was written before stays whole.
 */
export class MessageWriter {
  readonly #bytes: Buffer
  readonly #offsets = new Map<string, number>()
  #at = 0
  #bytesMax = 0
  #rcode = 0
  #reserved = 0

  constructor(bytesMax: number) {
    this.#bytes = Buffer.allocUnsafe(bytesMax)
  }

  /** Bytes that are left for records. */
  get left(): number {
    return this.#bytesMax - this.#at
  }

  /** Starts a message that is at most so long; `reserved` bytes are kept for EDNS. */
  begin(head: Head, bytesMax: number, reserved = 0): void {
    this.#offsets.clear()
    this.#reserved = reserved
    this.#bytesMax = Math.min(bytesMax, this.#bytes.length) - reserved
    this.#rcode = head.rcode
    this.#bytes.fill(0, 0, HEADER_BYTES)
    this.#bytes.writeUInt16BE(head.id, 0)
    const flags =
      (head.isResponse ? 0x8000 : 0) |
      (head.opcode << 11) |
      (head.isAuthoritative ? 0x0400 : 0) |
      (head.isRecursionDesired ? 0x0100 : 0) |
      (head.isRecursionAvailable ? 0x0080 : 0) |
      (head.rcode & 0xf)
    this.#bytes.writeUInt16BE(flags, 2)
    this.#at = HEADER_BYTES
  }

  /** Sets TC: the client should ask again over TCP (RFC 2181 section 9). */
  truncate(): void {
    this.#bytes[2]! |= 0x02
  }

  /** False where it does not fit. */
  question({ name, type, class: klass }: Question): boolean {
    return this.#attempt('questions', () => {
      this.#name(name, true)
      this.#u16(type)
      this.#u16(klass)
    })
  }

  /** False where it does not fit. */
  record(section: Section, name: DnsName, ttlS: number, data: RecordData, klass = 1): boolean {
    return this.#attempt(section, () => {
      this.#name(name, true)
      this.#u16(typeOf(data))
      this.#u16(klass)
      this.#u32(ttlS)
      const lengthAt = this.#at
      this.#u16(0)
      this.#data(data)
      if (this.#at > this.#bytesMax) return
      this.#bytes.writeUInt16BE(this.#at - lengthAt - 2, lengthAt)
    })
  }

  /** The OPT record, with the upper bits of the response code. False where it does not fit. */
  edns({ udpBytesMax, version, isDnssecOk }: Edns): boolean {
    this.#bytesMax += this.#reserved
    this.#reserved = 0
    return this.#attempt('additionals', () => {
      this.#u8(0)
      this.#u16(TYPE.OPT)
      this.#u16(udpBytesMax)
      this.#u8(this.#rcode >> 4)
      this.#u8(version)
      this.#u16(isDnssecOk ? 0x8000 : 0)
      this.#u16(0)
    })
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  #attempt(section: keyof typeof COUNT_AT, write: () => void): boolean {
    const before = this.#at
    write()
    if (this.#at > this.#bytesMax) {
      this.#at = before
      for (const [key, offset] of this.#offsets) if (offset >= before) this.#offsets.delete(key)
      return false
    }
    const countAt = COUNT_AT[section]
    this.#bytes.writeUInt16BE(this.#bytes.readUInt16BE(countAt) + 1, countAt)
    return true
  }

  #data(data: RecordData): void {
    switch (data.type) {
      case 'A':
      case 'AAAA':
        return this.#copy(data.address)
      case 'NS':
      case 'CNAME':
      case 'PTR':
        return this.#name(data.target, true)
      case 'SRV':
        this.#u16(data.priority)
        this.#u16(data.weight)
        this.#u16(data.port)
        // RFC 2782: the target is not compressed. Others may point to it.
        return this.#name(data.target, false)
      case 'TXT':
        for (const text of data.texts) {
          this.#u8(text.length)
          this.#copy(Buffer.from(text, 'latin1'))
        }
        return
      case 'SOA':
        this.#name(data.primary, true)
        this.#name(data.mailbox, true)
        for (const value of [data.serial, data.refreshS, data.retryS]) this.#u32(value)
        this.#u32(data.expireS)
        this.#u32(data.negativeS)
        return
      case 'OTHER':
        return this.#copy(data.bytes)
      default:
        data satisfies never
    }
  }

  #name(name: DnsName, mayPoint: boolean): void {
    const { labels, keys, wire } = name
    let wireAt = 0
    for (let i = 0; i < labels.length; i++) {
      const known = this.#offsets.get(keys[i]!)
      if (known === undefined) {
        const offset = this.#at + wireAt
        if (offset <= POINTER_MAX) this.#offsets.set(keys[i]!, offset)
      } else if (mayPoint) {
        this.#copy(wire.subarray(0, wireAt))
        this.#u16(0xc000 | known)
        return
      }
      wireAt += labels[i]!.length + 1
    }
    this.#copy(wire)
  }

  /** Beyond the end only the position goes on: `#attempt` takes it back. */
  #copy(bytes: Uint8Array): void {
    if (this.#at + bytes.length <= this.#bytesMax) this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #u8(value: number): void {
    if (this.#at < this.#bytesMax) this.#bytes[this.#at] = value
    this.#at++
  }

  #u16(value: number): void {
    if (this.#at + 2 <= this.#bytesMax) this.#bytes.writeUInt16BE(value, this.#at)
    this.#at += 2
  }

  #u32(value: number): void {
    if (this.#at + 4 <= this.#bytesMax) this.#bytes.writeUInt32BE(value, this.#at)
    this.#at += 4
  }
}

/** Number of the type of a record. */
export function typeOf(data: RecordData): number {
  return data.type === 'OTHER' ? data.number : TYPE[data.type]
}

/** A whole message with all that it has; undefined where it is longer than `bytesMax`. */
export function encodeMessage(message: DnsMessage, bytesMax: number): Buffer | undefined {
  const writer = new MessageWriter(bytesMax)
  writer.begin(message, bytesMax)
  if (message.isTruncated) writer.truncate()
  const put = (section: Section, records: readonly DnsRecord[]): boolean =>
    records.every((one) => writer.record(section, one.name, one.ttlS, one.data, one.class))
  const isWhole =
    message.questions.every((question) => writer.question(question)) &&
    put('answers', message.answers) &&
    put('authorities', message.authorities) &&
    put('additionals', message.additionals) &&
    (message.edns === undefined || writer.edns(message.edns))
  return isWhole ? writer.finish() : undefined
}

/** Bytes of an SRV record whose owner was written before. */
export function srvBytes(target: DnsName): number {
  return 2 + 10 + 6 + target.wire.length
}
