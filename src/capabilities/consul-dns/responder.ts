import {
  CLASS,
  HEADER_BYTES,
  MESSAGE_BYTES_MAX,
  PLAIN_UDP_BYTES_MAX,
  RCODE,
  TYPE,
  type DnsMessage,
  type Question,
  type RecordData,
} from '../../mechanisms/dns/message.ts'
import { DnsFormatError, parseMessage } from '../../mechanisms/dns/parse.ts'
import { MessageWriter, OPT_BYTES, srvBytes } from '../../mechanisms/dns/write.ts'
import type { Random } from '../../platform/capability.ts'
import type { EndpointSet, Host } from './endpoints.ts'
import type { Additional, Zone } from './zone.ts'

export type Transport = 'udp' | 'tcp'

/** How a query was answered, for the counters. */
export type Outcome =
  | 'answer'
  | 'no-data'
  | 'no-name'
  | 'malformed'
  | 'not-implemented'
  | 'refused'
  | 'failed'
  | 'forwarded'

/** What becomes of bytes that came in. */
export type Response =
  | {
      readonly kind: 'reply'
      readonly bytes: Buffer
      readonly outcome: Outcome
      readonly type: number
      readonly isTruncated: boolean
    }
  /** Of another domain: resolvers are asked. */
  | { readonly kind: 'forward'; readonly query: DnsMessage; readonly question: Question }
  /** Not a query at all: an answer to garbage could go round for ever. */
  | { readonly kind: 'silence' }

export interface ResponderOptions {
  readonly zone: Zone
  readonly random: Random
  /** The longest answer over UDP. */
  udpBytesMax(): number
  /** Whether other names are asked of somebody else. */
  mayForward(): boolean
}

/** Zone transfers are not for clients of services. */
const TRANSFERS: ReadonlySet<number> = new Set([251, 252])

/** Turns a query into an answer: sizes, sections, and what is wrong with it. No I/O. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #writer = new MessageWriter(MESSAGE_BYTES_MAX)

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  respond(bytes: Uint8Array, transport: Transport): Response {
    // RFC 1035 section 4.1.1: QR. An answer is never answered.
    if (bytes.length < HEADER_BYTES || (bytes[2]! & 0x80) !== 0) return { kind: 'silence' }
    if ((bytes[2]! & 0x78) !== 0) return headOnly(bytes, RCODE.NOTIMP, 'not-implemented')
    let query: DnsMessage
    try {
      query = parseMessage(bytes)
    } catch (error) {
      if (error instanceof DnsFormatError) return headOnly(bytes, RCODE.FORMERR, 'malformed')
      throw error
    }
    const [question] = query.questions
    // RFC 9619: a query has one question.
    if (question === undefined || query.questions.length > 1 || query.answers.length > 0) {
      return headOnly(bytes, RCODE.FORMERR, 'malformed')
    }
    return this.#answer(query, question, transport)
  }

  /** An answer without records: the question, and what went wrong. */
  refuse(
    query: DnsMessage,
    question: Question,
    rcode: number,
    outcome: Outcome,
    isTruncated = false,
  ): Response {
    this.#begin(query, question, rcode, PLAIN_UDP_BYTES_MAX, false)
    if (isTruncated) this.#writer.truncate()
    return this.#finish(query, question, outcome, isTruncated)
  }

  #answer(query: DnsMessage, question: Question, transport: Transport): Response {
    const { edns } = query
    if (edns !== undefined && edns.version !== 0) {
      return this.refuse(query, question, RCODE.BADVERS, 'refused')
    }
    const isInternet = question.class === CLASS.IN || question.class === CLASS.ANY
    if (!isInternet || TRANSFERS.has(question.type)) {
      return this.refuse(query, question, RCODE.REFUSED, 'refused')
    }
    const bytesMax = this.#bytesMax(query, transport)
    const found = this.#options.zone.find(question.name, question.type)
    switch (found.kind) {
      case 'elsewhere':
        return this.#elsewhere(query, question)
      case 'nothing':
        return this.#nothing(query, question, found.isName, bytesMax)
      case 'records': {
        this.#begin(query, question, RCODE.NOERROR, bytesMax, true)
        const isWhole = this.#writeRecords(question, found.ttlS, found.answers, found.additionals)
        return this.#finish(query, question, 'answer', !isWhole)
      }
      case 'endpoints':
        return this.#endpoints(query, question, found.set, found.ttlS, bytesMax)
      default:
        return found satisfies never
    }
  }

  #bytesMax({ edns }: DnsMessage, transport: Transport): number {
    if (transport === 'tcp') return MESSAGE_BYTES_MAX
    if (edns === undefined) return PLAIN_UDP_BYTES_MAX
    // RFC 6891 section 6.2.3: what is below 512 is taken as 512.
    return Math.max(PLAIN_UDP_BYTES_MAX, Math.min(edns.udpBytesMax, this.#options.udpBytesMax()))
  }

  #elsewhere(query: DnsMessage, question: Question): Response {
    if (!this.#options.mayForward()) {
      return this.refuse(query, question, RCODE.NXDOMAIN, 'no-name')
    }
    if (!query.isRecursionDesired) return this.refuse(query, question, RCODE.REFUSED, 'refused')
    return { kind: 'forward', query, question }
  }

  #nothing(query: DnsMessage, question: Question, isName: boolean, bytesMax: number): Response {
    const { zone } = this.#options
    const rcode = isName ? RCODE.NOERROR : RCODE.NXDOMAIN
    this.#begin(query, question, rcode, bytesMax, true)
    const authority = zone.authority()
    this.#writer.record('authorities', zone.domain, authority.negativeS, {
      type: 'SOA',
      ...authority,
    })
    return this.#finish(query, question, isName ? 'no-data' : 'no-name', false)
  }

  #endpoints(
    query: DnsMessage,
    question: Question,
    set: EndpointSet,
    ttlS: number,
    bytesMax: number,
  ): Response {
    if (question.type !== TYPE.SRV) {
      const answers = this.#addressesOf(set, question.type)
      if (answers.length === 0) return this.#nothing(query, question, true, bytesMax)
      this.#begin(query, question, RCODE.NOERROR, bytesMax, true)
      const isWhole = this.#writeRecords(question, ttlS, answers, [])
      return this.#finish(query, question, 'answer', !isWhole)
    }
    this.#begin(query, question, RCODE.NOERROR, bytesMax, true)
    const isWhole = this.#writeServices(question, ttlS, set)
    return this.#finish(query, question, 'answer', !isWhole)
  }

  /** In any order. A host name is told by itself: a name has one alias only (RFC 2181 section 10.1). */
  #addressesOf({ hosts }: EndpointSet, type: number): readonly RecordData[] {
    this.#shuffle(hosts, hosts.length)
    const wanted = hosts.flatMap(({ data }) =>
      data !== undefined && (type === TYPE.ANY || TYPE[data.type] === type) ? [data] : [],
    )
    if (wanted.length > 0 || hosts.some(({ data }) => data !== undefined)) return wanted
    const isAskedFor = type === TYPE.A || type === TYPE.AAAA || type === TYPE.CNAME
    const [alias] = hosts
    if (alias === undefined || !(isAskedFor || type === TYPE.ANY)) return []
    return [{ type: 'CNAME', target: alias.target }]
  }

  #writeRecords(
    { name }: Question,
    ttlS: number,
    answers: readonly RecordData[],
    additionals: readonly Additional[],
  ): boolean {
    const isWhole = answers.every((data) => this.#writer.record('answers', name, ttlS, data))
    // RFC 2181 section 9: what is left out of the additional section is no reason for TC.
    if (isWhole) {
      additionals.every((one) => this.#writer.record('additionals', one.name, ttlS, one.data))
    }
    return isWhole
  }

  /**
   * As many services as have room together with their addresses: clients such as HAProxy do not ask for an address that is missing, and
   * want one for each record, also where two point to the same host. A random part of them where not all have room.
   */
  #writeServices({ name }: Question, ttlS: number, { endpoints }: EndpointSet): boolean {
    let { left } = this.#writer
    let count = 0
    for (; count < endpoints.length; count++) {
      this.#swapRandom(endpoints, count)
      const { srv, host } = endpoints[count]!
      left -= srvBytes(srv.target) + addressBytes(host)
      if (left < 0) break
      this.#writer.record('answers', name, ttlS, srv)
    }
    for (let i = 0; i < count; i++) {
      const { target, data } = endpoints[i]!.host
      if (data !== undefined) this.#writer.record('additionals', target, ttlS, data)
    }
    return count === endpoints.length
  }

  #shuffle(list: unknown[], count: number): void {
    for (let at = 0; at < count; at++) this.#swapRandom(list, at)
  }

  /** One step of Fisher and Yates. */
  #swapRandom(list: unknown[], at: number): void {
    const other = at + Math.floor(this.#options.random() * (list.length - at))
    const kept = list[at]
    list[at] = list[other]
    list[other] = kept
  }

  #begin(
    query: DnsMessage,
    question: Question,
    rcode: number,
    bytesMax: number,
    isAuthoritative: boolean,
  ): void {
    const { id, isRecursionDesired, edns } = query
    const isRecursionAvailable = this.#options.mayForward()
    this.#writer.begin(
      {
        id,
        isResponse: true,
        opcode: 0,
        isAuthoritative,
        isRecursionDesired,
        isRecursionAvailable,
        rcode,
      },
      bytesMax,
      edns === undefined ? 0 : OPT_BYTES,
    )
    this.#writer.question(question)
  }

  #finish(query: DnsMessage, { type }: Question, outcome: Outcome, isTruncated: boolean): Response {
    if (isTruncated) this.#writer.truncate()
    if (query.edns !== undefined) {
      const udpBytesMax = this.#options.udpBytesMax()
      // RFC 3225 section 3: DO comes back as it was.
      this.#writer.edns({ udpBytesMax, version: 0, isDnssecOk: query.edns.isDnssecOk })
    }
    return { kind: 'reply', bytes: this.#writer.finish(), outcome, type, isTruncated }
  }
}

/** "Ask over TCP", in as few bytes as the question has; undefined for what is no query with one whole question. */
export function tooMuch(bytes: Uint8Array): Buffer | undefined {
  if (bytes.length < HEADER_BYTES || (bytes[2]! & 0xf8) !== 0) return undefined
  let at = HEADER_BYTES
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length > 63) return undefined
    at += length + 1
  }
  const end = at + 5
  if (bytes[4] !== 0 || bytes[5] !== 1 || end > bytes.length || end > 300) return undefined
  const reply = Buffer.from(bytes.subarray(0, end))
  reply.fill(0, 6, HEADER_BYTES)
  reply[2] = 0x82 | (bytes[2]! & 1)
  reply[3] = 0
  return reply
}

/** Twelve bytes: what cannot be read is not repeated. */
function headOnly(query: Uint8Array, rcode: number, outcome: Outcome): Response {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.set(query.subarray(0, 2))
  bytes[2] = 0x80 | (query[2]! & 0x79)
  bytes[3] = rcode
  return { kind: 'reply', bytes, outcome, type: 0, isTruncated: false }
}

/** Bytes of the address of a host whose name was written before: a pointer, the fixed part, the address. */
function addressBytes({ data }: Host): number {
  return data === undefined ? 0 : 2 + 10 + data.address.length
}
