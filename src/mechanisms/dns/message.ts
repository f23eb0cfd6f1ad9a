import type { DnsName } from './name.ts'

/** Numbers of record types that have a form of their own here (RFC 1035, 2782, 3596, 6891). */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const

/** The internet class, and the question for any class. */
export const CLASS = { IN: 1, ANY: 255 } as const

/** Response codes (RFC 1035 section 4.1.1, RFC 6891 section 9). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

/** The longest message, over TCP (RFC 1035 section 4.2.2). */
export const MESSAGE_BYTES_MAX = 65_535
/** The longest answer over UDP to whoever does not say more (RFC 1035 section 4.2.1). */
export const PLAIN_UDP_BYTES_MAX = 512
/** Bytes of the fixed head. */
export const HEADER_BYTES = 12

/** What a record says. Addresses are bytes: 4 of IPv4, 16 of IPv6. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: Uint8Array }
  | { readonly type: 'NS' | 'CNAME' | 'PTR'; readonly target: DnsName }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: DnsName
    }
  /** Character strings of at most 255 bytes each, one character a byte. */
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | ({ readonly type: 'SOA' } & Authority)
  /** Of a type that has no form here: its bytes as they came. */
  | { readonly type: 'OTHER'; readonly number: number; readonly bytes: Uint8Array }

/** Start of authority (RFC 1035 section 3.3.13); times in seconds. */
export interface Authority {
  readonly primary: DnsName
  readonly mailbox: DnsName
  readonly serial: number
  readonly refreshS: number
  readonly retryS: number
  readonly expireS: number
  /** How long a client may remember that something is not there (RFC 2308). */
  readonly negativeS: number
}

export interface DnsRecord {
  readonly name: DnsName
  readonly class: number
  readonly ttlS: number
  readonly data: RecordData
}

export interface Question {
  readonly name: DnsName
  readonly type: number
  readonly class: number
}

/** Extension mechanisms (RFC 6891), as one side says them. */
export interface Edns {
  /** The longest datagram that it takes. */
  readonly udpBytesMax: number
  readonly version: number
  readonly isDnssecOk: boolean
}

export interface DnsMessage {
  readonly id: number
  readonly isResponse: boolean
  readonly opcode: number
  readonly isAuthoritative: boolean
  readonly isTruncated: boolean
  readonly isRecursionDesired: boolean
  readonly isRecursionAvailable: boolean
  /** With the upper bits of EDNS. */
  readonly rcode: number
  readonly questions: readonly Question[]
  readonly answers: readonly DnsRecord[]
  readonly authorities: readonly DnsRecord[]
  /** Without the OPT record: that is `edns`. */
  readonly additionals: readonly DnsRecord[]
  readonly edns: Edns | undefined
}
