import { HPACK, type HpackDecoder } from '../hpack/decoder.ts'
import { parseAuthority } from '../http1/authority.ts'
import { copyBytes, isText, isToken, METHOD, writeText } from '../http1/bytes.ts'
import type { HeadLimits } from '../http1/request-head.ts'
import { FieldCheck } from './field-check.ts'
import { H2_FIELDS } from './field-errors.ts'

/** A method of HTTP/1.1 that we take is no longer. */
const METHOD_BYTES_MAX = 32
/** What we add to a head by ourselves, its first line and Host not counted. */
const OWN_BYTES_MAX = 256
/** More than names, separators and the short pseudo-headers take. */
const PSEUDO_BYTES = 1_024

const PSEUDO_NAMES = [':method', ':scheme', ':authority', ':path', ':protocol'] as const
const METHOD_PLACE = 0
const SCHEME_PLACE = 1
const AUTHORITY_PLACE = 2
const PATH_PLACE = 3
const PROTOCOL_PLACE = 4

/** Bounds of a request's head; `headBytesMax` counts the lines that are made of it. */
export interface RequestTextLimits extends HeadLimits {
  readonly headersMax: number
}

/**
 * Turns the block of a request into the head of the same request in HTTP/1.1, [0, end) of `bytes`: one representation of a head for all that comes behind, and
 * nothing in it that a parser of HTTP/1.1 could read in another way. One a worker: what it made is valid until the next block.
 */
export class RequestText {
  bytes: Buffer = Buffer.alloc(0)
  end = 0
  /** CONNECT with a protocol that may be tunnelled (RFC 8441): its head is a GET that asks for the upgrade. */
  isTunnel = false
  readonly #check = new FieldCheck()
  /** Pseudo-headers and the first field, as lines. */
  #pseudo: Buffer = Buffer.alloc(0)
  #pseudoEnd = 0
  #cookies: Buffer = Buffer.alloc(0)
  #cookiesEnd = 0
  #fieldCount = 0
  /** The authority, in `bytes`; -1 where only a Host may name one. */
  #hostStart = 0
  #hostEnd = 0
  #hasHost = false
  #hasLength = false
  /** Start and end of the value of each pseudo-header; -1 for one that is not there. */
  readonly #values = new Int32Array(PSEUDO_NAMES.length * 2)
  #isInFields = false

  /**
   * Reads a whole block. `isEnd`: no body follows. `makeKey` makes what a WebSocket says to a server of HTTP/1.1. Returns 0, or one of H2_FIELDS; the block is read to
   * its end in any case.
   */
  read(
    decoder: HpackDecoder,
    limits: RequestTextLimits,
    isEnd: boolean,
    makeKey: () => string,
  ): number {
    this.#begin(limits)
    const room = Math.min(this.bytes.length, limits.headBytesMax)
    let error = 0
    for (;;) {
      const into = this.#isInFields ? this.bytes : this.#pseudo
      const from = this.#isInFields ? this.end : this.#pseudoEnd
      const isWanted = error === 0
      const next = decoder.next(into, isWanted ? from : 0, isWanted ? this.#roomOf(room) : 0)
      if (next === HPACK.end) break
      if (next === HPACK.error) return H2_FIELDS.compression
      if (!isWanted) continue
      if (next === HPACK.tooLarge) error = this.#tooLarge()
      else error = this.#take(decoder, from, next, limits, makeKey)
    }
    if (error !== 0) return error
    if (!this.#isInFields) error = this.#beginFields(makeKey)
    return error === 0 ? this.#finish(limits, isEnd) : error
  }

  #begin(limits: RequestTextLimits): void {
    const room = limits.headBytesMax + OWN_BYTES_MAX
    if (this.bytes.length < room) this.bytes = Buffer.allocUnsafeSlow(room)
    const pseudo = Math.max(limits.requestLineBytesMax, limits.headBytesMax) + PSEUDO_BYTES
    if (this.#pseudo.length < pseudo) this.#pseudo = Buffer.allocUnsafeSlow(pseudo)
    this.end = 0
    this.isTunnel = false
    this.#pseudoEnd = 0
    this.#cookiesEnd = 0
    this.#fieldCount = 0
    this.#hostStart = -1
    this.#hostEnd = 0
    this.#hasHost = false
    this.#hasLength = false
    this.#values.fill(-1)
    this.#isInFields = false
  }

  #roomOf(room: number): number {
    return this.#isInFields ? room : this.#pseudo.length
  }

  #tooLarge(): number {
    return this.#isInFields ? H2_FIELDS.tooLarge : H2_FIELDS.targetTooLong
  }

  /** The field in [start, end) of the buffer that it was decoded into. */
  #take(
    decoder: HpackDecoder,
    start: number,
    end: number,
    limits: RequestTextLimits,
    makeKey: () => string,
  ): number {
    const { nameEnd, valueStart, valueEnd } = decoder
    if (this.#isInFields) {
      return this.#takeField(this.bytes, start, nameEnd, valueStart, valueEnd, end, limits)
    }
    if (nameEnd > start && this.#pseudo[start] === COLON) {
      this.#pseudoEnd = end
      return this.#takePseudo(start, nameEnd, valueStart, valueEnd)
    }
    // The first field: from here on lines are decoded to where they belong.
    const error = this.#beginFields(makeKey)
    if (error !== 0) return error
    if (this.end + end - start > limits.headBytesMax) return H2_FIELDS.tooLarge
    const at = this.end
    copyBytes(this.#pseudo, start, end, this.bytes, at)
    const move = at - start
    return this.#takeField(
      this.bytes,
      at,
      nameEnd + move,
      valueStart + move,
      valueEnd + move,
      end + move,
      limits,
    )
  }

  #takePseudo(start: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    for (let place = 0; place < PSEUDO_NAMES.length; place++) {
      if (!isText(this.#pseudo, start, nameEnd, PSEUDO_NAMES[place]!)) continue
      if (this.#values[place * 2]! >= 0) return H2_FIELDS.pseudo
      this.#values[place * 2] = valueStart
      this.#values[place * 2 + 1] = valueEnd
      return 0
    }
    return H2_FIELDS.pseudo
  }

  #takeField(
    bytes: Buffer,
    start: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    end: number,
    limits: RequestTextLimits,
  ): number {
    const error = this.#check.judge(bytes, start, nameEnd, valueStart, valueEnd)
    if (error !== 0) return error
    if (++this.#fieldCount > limits.headersMax) return H2_FIELDS.tooLarge
    switch (nameEnd - start) {
      case 4:
        if (!isText(bytes, start, nameEnd, 'host')) break
        if (this.#takeHost(bytes, valueStart, valueEnd)) this.end = end
        return this.#hasHost ? 0 : H2_FIELDS.authority
      case 6:
        if (!isText(bytes, start, nameEnd, 'cookie')) break
        return this.#addCookie(bytes, valueStart, valueEnd, limits)
      case 14:
        if (isText(bytes, start, nameEnd, 'content-length')) this.#hasLength = true
        break
      case 17:
        // The key of a tunnel is ours: a WebSocket over HTTP/2 has none (RFC 8441 section 5).
        if (this.isTunnel && isText(bytes, start, nameEnd, 'sec-websocket-key')) return 0
        break
      default:
    }
    this.end = end
    return 0
  }

  /** Clients cut cookies into pieces that compress well; HTTP/1.1 has them in one line (RFC 9113 section 8.2.3). */
  #addCookie(bytes: Buffer, start: number, end: number, limits: RequestTextLimits): number {
    const needed = this.#cookiesEnd + end - start + 2
    if (needed > limits.headBytesMax) return H2_FIELDS.tooLarge
    if (this.#cookies.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#cookies.length, 512))
      this.#cookies.copy(larger, 0, 0, this.#cookiesEnd)
      this.#cookies = larger
    }
    let at = this.#cookiesEnd
    if (at > 0) at = writeText(this.#cookies, at, '; ')
    this.#cookiesEnd = copyBytes(bytes, start, end, this.#cookies, at)
    return 0
  }

  /**
   * Section 8.3.1: one that names another authority is an attack, not a second opinion; so are two. True: it is the only authority, and its line stays.
   * `#hasHost` says whether it may be.
   */
  #takeHost(bytes: Buffer, start: number, end: number): boolean {
    if (this.#hasHost) {
      this.#hasHost = false
      return false
    }
    this.#hasHost = true
    if (this.#hostStart < 0) return true
    this.#hasHost = this.#hostEnd - this.#hostStart === end - start
    for (let at = 0; this.#hasHost && at < end - start; at++) {
      this.#hasHost = lower(bytes[start + at]!) === lower(this.bytes[this.#hostStart + at]!)
    }
    return false
  }

  #valueIs(place: number, text: string): boolean {
    const start = this.#values[place * 2]!
    return start >= 0 && isText(this.#pseudo, start, this.#values[place * 2 + 1]!, text)
  }

  #has(place: number): boolean {
    return this.#values[place * 2]! >= 0
  }

  /** All pseudo-headers are there: the request line, Host, and what a tunnel asks for. */
  #beginFields(makeKey: () => string): number {
    this.#isInFields = true
    const isConnect = this.#valueIs(METHOD_PLACE, 'CONNECT')
    if (isConnect && !this.#has(PROTOCOL_PLACE)) return H2_FIELDS.connect
    const error = this.#judgePseudo(isConnect)
    if (error !== 0) return error
    this.isTunnel = isConnect
    const { bytes } = this
    let at = isConnect ? writeText(bytes, 0, 'GET') : this.#copyValue(METHOD_PLACE, 0)
    at = writeText(bytes, at, ' ')
    at = this.#copyValue(PATH_PLACE, at)
    at = writeText(bytes, at, ' HTTP/1.1\r\n')
    if (this.#has(AUTHORITY_PLACE)) {
      this.#hostStart = writeText(bytes, at, 'host: ')
      this.#hostEnd = this.#copyValue(AUTHORITY_PLACE, this.#hostStart)
      at = writeText(bytes, this.#hostEnd, '\r\n')
    }
    if (isConnect) {
      at = writeText(bytes, at, `connection: upgrade\r\nupgrade: websocket\r\n`)
      at = writeText(bytes, at, `sec-websocket-key: ${makeKey()}\r\n`)
    }
    this.end = at
    return 0
  }

  #copyValue(place: number, at: number): number {
    const start = this.#values[place * 2]!
    return copyBytes(this.#pseudo, start, this.#values[place * 2 + 1]!, this.bytes, at)
  }

  #judgePseudo(isConnect: boolean): number {
    const values = this.#values
    const bytes = this.#pseudo
    for (const place of [METHOD_PLACE, SCHEME_PLACE, PATH_PLACE]) {
      if (!this.#has(place)) return H2_FIELDS.pseudo
    }
    if (this.#has(PROTOCOL_PLACE) !== isConnect) return H2_FIELDS.pseudo
    if (isConnect && !this.#valueIs(PROTOCOL_PLACE, 'websocket')) return H2_FIELDS.connect
    if (!isMethod(bytes, values[0]!, values[1]!)) return H2_FIELDS.method
    if (!this.#isScheme()) return H2_FIELDS.scheme
    const length = values[PATH_PLACE * 2 + 1]! - values[PATH_PLACE * 2]!
    if (length === 0) return H2_FIELDS.pseudo
    if (!this.#isPath()) return H2_FIELDS.path
    const start = values[AUTHORITY_PLACE * 2]!
    const end = values[AUTHORITY_PLACE * 2 + 1]!
    if (start >= 0 && parseAuthority(bytes, start, end) < 0) return H2_FIELDS.authority
    return length + end - start + METHOD_BYTES_MAX > this.bytes.length - OWN_BYTES_MAX
      ? H2_FIELDS.targetTooLong
      : 0
  }

  #isScheme(): boolean {
    const start = this.#values[SCHEME_PLACE * 2]!
    const end = this.#values[SCHEME_PLACE * 2 + 1]!
    return isToken(this.#pseudo, start, end, 'http') || isToken(this.#pseudo, start, end, 'https')
  }

  /** Begins with '/', or is the '*' of OPTIONS; visible ASCII without '#': nothing that could end a request line. */
  #isPath(): boolean {
    const start = this.#values[PATH_PLACE * 2]!
    const end = this.#values[PATH_PLACE * 2 + 1]!
    const bytes = this.#pseudo
    if (bytes[start] !== SLASH) {
      return this.#valueIs(PATH_PLACE, '*') && this.#valueIs(METHOD_PLACE, 'OPTIONS')
    }
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (byte < 33 || byte > 126 || byte === HASH) return false
    }
    return true
  }

  /** Cookies, and the end of the head. A body without a length is marked as one. */
  #finish(limits: RequestTextLimits, isEnd: boolean): number {
    const room = limits.headBytesMax
    let at = this.end
    if (at + this.#cookiesEnd + OWN_BYTES_MAX / 4 > this.bytes.length) return H2_FIELDS.tooLarge
    if (this.#cookiesEnd > 0) {
      at = writeText(this.bytes, at, 'cookie: ')
      at = copyBytes(this.#cookies, 0, this.#cookiesEnd, this.bytes, at)
      at = writeText(this.bytes, at, '\r\n')
    }
    // A body whose length nobody has told: to HTTP/1.1 it goes in chunks.
    if (!isEnd && !this.#hasLength && !this.isTunnel) {
      at = writeText(this.bytes, at, 'transfer-encoding: chunked\r\n')
    }
    this.end = writeText(this.bytes, at, '\r\n')
    return this.end > room ? H2_FIELDS.tooLarge : 0
  }
}

const COLON = 58
const SLASH = 47
const HASH = 35

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte
}

function isMethod(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > METHOD_BYTES_MAX) return false
  for (let at = start; at < end; at++) if (METHOD[bytes[at]!] !== 1) return false
  return true
}
