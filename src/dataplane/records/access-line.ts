import type { ExchangeRecord } from './record.ts'

/** Characters of a name of the configuration in a line; a longer one is cut. */
const NAME_CHARACTERS_MAX = 256
/** Combinations of route, service and instance whose part of the line is kept ready; beyond it all are made anew. */
const PLACES_MAX = 1_024
/** A byte can become `\u00ff`. */
const ESCAPED_BYTES_MAX = 6
/** All that is in a line besides names and what a client can make long. */
const FIXED_BYTES_MAX = 512
/** Names in one kept part of a line, quoted and cut, and the keys between them. */
const PART_BYTES_MAX = 6 * (NAME_CHARACTERS_MAX + 3) * ESCAPED_BYTES_MAX + FIXED_BYTES_MAX

/** More than the line of this record takes. */
export function lineBytesMax(record: ExchangeRecord): number {
  const { attemptCount } = record
  const instance = attemptCount === 0 ? 0 : roomOf(record.attempts[attemptCount - 1]!.instance)
  const origin = roomOf(record.client) + roomOf(record.listener) + roomOf(record.caller)
  const place = roomOf(record.route) + roomOf(record.service) + instance
  const names =
    origin +
    roomOf(record.protocol) +
    roomOf(record.tls) +
    roomOf(record.method) +
    place +
    roomOf(record.reason)
  const text = record.requestIdLength + record.hostLength + record.pathLength
  return FIXED_BYTES_MAX + (names + text) * ESCAPED_BYTES_MAX
}

function roomOf(name: string): number {
  return Math.min(name.length, NAME_CHARACTERS_MAX)
}

const AFTER_ID = ascii('","trace":"')
const AFTER_TRACE = ascii('","client":')
const AFTER_HOST = ascii('","path":"')
const AFTER_ATTEMPTS = ascii(',"status":')
const BEFORE_REASON = ascii(',"reason":')
const BEFORE_US = ascii(',"us":')
const BEFORE_QUEUE = ascii(',"queueUs":')
const BEFORE_IN = ascii(',"in":')
const BEFORE_OUT = ascii(',"out":')
const LINE_END = ascii('}\n')
const CUT = ascii('...')

/** Digits of the milliseconds within `{"time":"2023-11-14T22:13:20.123Z","id":"`. */
const MILLISECONDS_AT = 29

/** 1: a byte that stands in a JSON string as it is, and is one byte in UTF-8. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
)
const HEX_HIGH = Uint8Array.from({ length: 256 }, (_, byte) => hexDigit(byte >>> 4))
const HEX_LOW = Uint8Array.from({ length: 256 }, (_, byte) => hexDigit(byte & 15))

/** The part of a line that says where the request went; made once for each combination. */
interface Place {
  readonly service: string
  readonly bytes: Buffer
}

/**
 * Writes lines of the access log as bytes: one JSON object in ASCII. No query, no header, no cookie: nothing that may be a secret. Parts
 * that repeat are kept ready, numbers and ids are written digit by digit: no string is made for a line. One a worker.
 */
export class AccessLine {
  /** `{"time":"...","id":"` of the last millisecond. */
  #time: Buffer = Buffer.alloc(0)
  #second = NaN
  /** `"client":"...","listener":"...",...,"host":"` of the last request; a connection's requests share it. */
  #origin: Buffer = Buffer.alloc(0)
  #originOf = { client: '', listener: '', caller: '', protocol: '', tls: '', method: '' }
  readonly #places = new Map<string, Map<string, Place>>()
  #placeCount = 0
  #lastPlace: Place | null = null
  #lastRoute = ''
  #lastInstance = ''

  /** Writes a line from `at` on and returns its end. There must be room for `lineBytesMax(record)`. */
  write(record: ExchangeRecord, into: Buffer, at: number): number {
    const { text, hostLength, attemptCount } = record
    let end = this.#writeTime(into, at, record.startedAtMs)
    end = writeEscaped(into, end, record.requestId, 0, record.requestIdLength)
    end = writeBytes(into, end, AFTER_ID)
    end = writeHex(into, end, record.traceId)
    end = this.#writeOrigin(into, end, record)
    end = writeEscaped(into, end, text, 0, hostLength)
    if (record.isHostCut) end = writeBytes(into, end, CUT)
    end = writeBytes(into, end, AFTER_HOST)
    end = writeEscaped(into, end, text, hostLength, hostLength + record.pathLength)
    if (record.isPathCut) end = writeBytes(into, end, CUT)
    end = this.#writePlace(into, end, record)
    end = writeDecimal(into, end, attemptCount)
    end = writeBytes(into, end, AFTER_ATTEMPTS)
    end = writeDecimal(into, end, record.status)
    if (record.reason !== '') {
      end = writeBytes(into, end, BEFORE_REASON)
      end = writeName(into, end, record.reason)
    }
    return writeFigures(into, end, record)
  }

  /** At full load many lines share a millisecond, and all but one a second all other digits. */
  #writeTime(into: Buffer, at: number, startedAtMs: number): number {
    const ms = Math.floor(startedAtMs)
    const second = Math.floor(ms / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#time = ascii(`{"time":"${new Date(second * 1_000).toISOString()}","id":"`)
    }
    const end = at + this.#time.length
    into.set(this.#time, at)
    const rest = ms - second * 1_000
    const tens = (rest / 10) | 0
    const hundreds = (rest / 100) | 0
    into[at + MILLISECONDS_AT] = 48 + hundreds
    into[at + MILLISECONDS_AT + 1] = 48 + tens - hundreds * 10
    into[at + MILLISECONDS_AT + 2] = 48 + rest - tens * 10
    return end
  }

  #writeOrigin(into: Buffer, at: number, record: ExchangeRecord): number {
    const { client, listener, caller, protocol, tls, method } = record
    const last = this.#originOf
    if (
      client !== last.client ||
      listener !== last.listener ||
      caller !== last.caller ||
      protocol !== last.protocol ||
      tls !== last.tls ||
      method !== last.method ||
      this.#origin.length === 0
    ) {
      this.#origin = originBytes(record)
      last.client = client
      last.listener = listener
      last.caller = caller
      last.protocol = protocol
      last.tls = tls
      last.method = method
    }
    into.set(this.#origin, at)
    return at + this.#origin.length
  }

  #writePlace(into: Buffer, at: number, record: ExchangeRecord): number {
    const { route, service, attemptCount } = record
    const instance = attemptCount === 0 ? '' : record.attempts[attemptCount - 1]!.instance
    let place = this.#lastPlace
    if (
      place === null ||
      route !== this.#lastRoute ||
      instance !== this.#lastInstance ||
      service !== place.service
    ) {
      place = this.#findPlace(route, service, instance)
      this.#lastPlace = place
      this.#lastRoute = route
      this.#lastInstance = instance
    }
    into.set(place.bytes, at)
    return at + place.bytes.length
  }

  #findPlace(route: string, service: string, instance: string): Place {
    const known = this.#places.get(route)?.get(instance)
    if (known !== undefined && known.service === service) return known
    if (this.#placeCount >= PLACES_MAX) {
      this.#places.clear()
      this.#placeCount = 0
    }
    const place = { service, bytes: placeBytes(route, service, instance) }
    const ofRoute = this.#places.get(route) ?? new Map<string, Place>()
    this.#places.set(route, ofRoute.set(instance, place))
    this.#placeCount++
    return place
  }
}

/** What a connection's requests share. */
function originBytes(record: ExchangeRecord): Buffer {
  const { client, listener, caller, protocol, tls, method } = record
  const into = Buffer.allocUnsafe(PART_BYTES_MAX)
  let end = writeBytes(into, 0, AFTER_TRACE)
  end = writeName(into, end, client)
  end = writeName(into, writeKey(into, end, ',"listener":'), listener)
  if (caller !== '') end = writeName(into, writeKey(into, end, ',"caller":'), caller)
  end = writeName(into, writeKey(into, end, ',"protocol":'), protocol)
  if (tls !== '') end = writeName(into, writeKey(into, end, ',"tls":'), tls)
  end = writeName(into, writeKey(into, end, ',"method":'), method)
  return Buffer.from(into.subarray(0, writeKey(into, end, ',"host":"')))
}

function placeBytes(route: string, service: string, instance: string): Buffer {
  const into = Buffer.allocUnsafe(PART_BYTES_MAX)
  let end = writeName(into, writeKey(into, 0, '","route":'), route)
  end = writeName(into, writeKey(into, end, ',"service":'), service)
  end = writeName(into, writeKey(into, end, ',"instance":'), instance)
  return Buffer.from(into.subarray(0, writeKey(into, end, ',"attempts":')))
}

/** `us` and `queueUs` are microseconds. */
function writeFigures(into: Buffer, at: number, record: ExchangeRecord): number {
  let end = writeBytes(into, at, BEFORE_US)
  end = writeDecimal(into, end, Math.round(record.durationMs * 1_000))
  end = writeBytes(into, end, BEFORE_QUEUE)
  end = writeDecimal(into, end, Math.round(record.queueMs * 1_000))
  end = writeBytes(into, end, BEFORE_IN)
  end = writeDecimal(into, end, record.requestBytes)
  end = writeBytes(into, end, BEFORE_OUT)
  end = writeDecimal(into, end, record.responseBytes)
  return writeBytes(into, end, LINE_END)
}

/** A few bytes: a loop is quicker than a call into the runtime. */
function writeBytes(into: Buffer, at: number, bytes: Buffer): number {
  const { length } = bytes
  for (let i = 0; i < length; i++) into[at + i] = bytes[i]!
  return at + length
}

function writeKey(into: Buffer, at: number, key: string): number {
  return at + into.write(key, at, 'latin1')
}

function writeHex(into: Buffer, at: number, bytes: Buffer): number {
  const { length } = bytes
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!
    into[at + 2 * i] = HEX_HIGH[byte]!
    into[at + 2 * i + 1] = HEX_LOW[byte]!
  }
  return at + 2 * length
}

/** `bytes` as the inside of a JSON string; one byte is one character. */
function writeEscaped(into: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  let next = at
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (PLAIN[byte] === 1) into[next++] = byte
    else next = writeEscape(into, next, byte)
  }
  return next
}

/** A name of the configuration, quoted and cut. */
function writeName(into: Buffer, at: number, name: string): number {
  let next = at
  into[next++] = 0x22
  const length = Math.min(name.length, NAME_CHARACTERS_MAX)
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i)
    if (code < 0x80 && PLAIN[code] === 1) into[next++] = code
    else next = writeEscape(into, next, code)
  }
  if (length < name.length) next = writeBytes(into, next, CUT)
  into[next++] = 0x22
  return next
}

/** RFC 8259 section 7: a quote and a backslash behind a backslash, all else by its UTF-16 code unit. */
function writeEscape(into: Buffer, at: number, code: number): number {
  into[at] = 0x5c
  if (code === 0x22 || code === 0x5c) {
    into[at + 1] = code
    return at + 2
  }
  into[at + 1] = 0x75
  into[at + 2] = HEX_HIGH[code >>> 8]!
  into[at + 3] = HEX_LOW[code >>> 8]!
  into[at + 4] = HEX_HIGH[code & 0xff]!
  into[at + 5] = HEX_LOW[code & 0xff]!
  return at + ESCAPED_BYTES_MAX
}

/** Bits that `|` and `/` on small integers keep. */
const SMALL_MAX = 0x7fffffff

/** A whole number that is not negative; beyond 31 bits, or if it is no such number, as JSON writes it. */
function writeDecimal(into: Buffer, at: number, value: number): number {
  if (!(value >= 0 && value <= SMALL_MAX)) {
    return writeKey(into, at, Number.isFinite(value) ? String(Math.round(value)) : 'null')
  }
  let digits = 1
  for (let rest = value | 0; rest >= 10; rest = (rest / 10) | 0) digits++
  let place = at + digits
  let rest = value | 0
  do {
    const tenth = (rest / 10) | 0
    into[--place] = 48 + rest - tenth * 10
    rest = tenth
  } while (rest > 0)
  return at + digits
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function hexDigit(value: number): number {
  return value < 10 ? 48 + value : 87 + value
}
