/** What the first message of a TLS connection says, as far as it matters before the handshake. */
export type HelloParse =
  /** Not whole yet. */
  | { readonly kind: 'more' }
  /** No ClientHello, or one that cannot be read: the handshake will tell. */
  | { readonly kind: 'other' }
  | {
      readonly kind: 'hello'
      /** As the client wrote it, '' where it names no host. */
      readonly serverName: string
      /** Names of ALPN, in the client's order. */
      readonly protocols: readonly string[]
    }

/** A ClientHello is at most this long with the records around it; real ones have 0.2 to 2 KB. */
export const HELLO_BYTES_MAX = 16 * 1024

const MORE = { kind: 'more' } as const
const OTHER = { kind: 'other' } as const
const RECORD = { header: 5, handshake: 22 } as const
const HANDSHAKE = { header: 4, clientHello: 1 } as const
const EXTENSION = { serverName: 0, protocols: 16 } as const
/** Version and random in front of the session id. */
const FIXED_BYTES = 34

/** Reads the ClientHello at the start of `bytes`, which may be spread over several records (RFC 8446 section 5.1). */
export function parseClientHello(bytes: Uint8Array): HelloParse {
  const message = joinRecords(bytes)
  if (!(message instanceof Uint8Array)) return message
  const reader = new Reader(message)
  reader.skip(HANDSHAKE.header + FIXED_BYTES)
  reader.skip(reader.number(1)) // session id
  reader.skip(reader.number(2)) // suites
  reader.skip(reader.number(1)) // compression
  if (reader.isBroken) return OTHER
  if (reader.isAtEnd) return { kind: 'hello', serverName: '', protocols: [] }
  const extensions = reader.part(2)
  return reader.isBroken ? OTHER : readExtensions(extensions)
}

/** The handshake message of the first records, without their headers. */
function joinRecords(bytes: Uint8Array): Uint8Array | typeof MORE | typeof OTHER {
  const parts: number[] = []
  let at = 0
  let needed = HANDSHAKE.header
  while (parts.length < needed) {
    if (at > 0 && at >= HELLO_BYTES_MAX) return OTHER
    if (bytes.length > at && bytes[at] !== RECORD.handshake) return OTHER
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return OTHER
    if (bytes.length < at + RECORD.header) return MORE
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!
    if (length === 0 || length > HELLO_BYTES_MAX) return OTHER
    const start = at + RECORD.header
    parts.push(...bytes.subarray(start, start + length))
    if (parts.length > 0 && parts[0] !== HANDSHAKE.clientHello) return OTHER
    if (parts.length >= HANDSHAKE.header) {
      needed = HANDSHAKE.header + parts[1]! * 65_536 + parts[2]! * 256 + parts[3]!
      if (needed > HELLO_BYTES_MAX) return OTHER
    }
    if (parts.length < needed && bytes.length < start + length) return MORE
    at = start + length
  }
  return Uint8Array.from(parts.slice(0, needed))
}

function readExtensions(reader: Reader): HelloParse {
  let serverName = ''
  let protocols: readonly string[] = []
  while (!reader.isAtEnd && !reader.isBroken) {
    const type = reader.number(2)
    const body = reader.part(2)
    if (reader.isBroken) return OTHER
    if (type === EXTENSION.serverName) serverName = readServerName(body)
    if (type === EXTENSION.protocols) protocols = readProtocols(body.part(2))
    if (body.isBroken) return OTHER
  }
  return reader.isBroken ? OTHER : { kind: 'hello', serverName, protocols }
}

/** RFC 6066 section 3: a list, of which only host names (0) are defined. */
function readServerName(body: Reader): string {
  if (body.isAtEnd) return ''
  const list = body.part(2)
  const type = list.number(1)
  const name = list.part(2)
  return type === 0 && !list.isBroken ? name.text() : ''
}

function readProtocols(list: Reader): readonly string[] {
  const found: string[] = []
  while (!list.isAtEnd && !list.isBroken) found.push(list.part(1).text())
  return found
}

/** Numbers and parts one behind the other. Beyond the end everything is 0 and empty, and `isBroken`. */
class Reader {
  isBroken = false
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  number(width: number): number {
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[this.#at + i] ?? 0)
    this.skip(width)
    return value
  }

  skip(length: number): void {
    this.#at += length
    if (this.#at <= this.#bytes.length) return
    this.#at = this.#bytes.length
    this.isBroken = true
  }

  /** What a length of `width` bytes stands before. */
  part(width: number): Reader {
    const length = this.number(width)
    const start = this.#at
    this.skip(length)
    const part = new Reader(this.#bytes.subarray(start, this.#at))
    if (this.isBroken) part.isBroken = true
    return part
  }

  text(): string {
    return String.fromCharCode(...this.#bytes.subarray(this.#at))
  }
}
