import {
  createWordView,
  HTAB,
  isText,
  skipFieldContent,
  SP,
  TOKEN,
  type WordView,
} from '../http1/bytes.ts'
import { H2_FIELDS } from './field-errors.ts'

const COLON = 58

/** Fields of one connection of HTTP/1.1, which say nothing here and much to who is behind us (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS: readonly string[] = [
  'connection',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'http2-settings',
]
const CONNECTION_FIELD_LENGTHS = new Uint8Array(256)
for (const { length } of CONNECTION_FIELDS) CONNECTION_FIELD_LENGTHS[length] = 1

/** Lower-case tchars: TOKEN maps each of them onto itself. */
function isName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (TOKEN[byte] !== byte || byte === 0) return false
  }
  return end > start
}

/** Checks the fields of the blocks of one worker, one after the other. */
export class FieldCheck {
  readonly #view: WordView = createWordView()

  /** 0, or one of H2_FIELDS, for a field that is no pseudo-header: name in [nameStart, nameEnd), value in [valueStart, valueEnd). */
  judge(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    if (!isName(bytes, nameStart, nameEnd)) {
      const isPseudo = nameEnd > nameStart && bytes[nameStart] === COLON
      return isPseudo ? H2_FIELDS.pseudo : H2_FIELDS.name
    }
    if (!this.isValue(bytes, valueStart, valueEnd)) return H2_FIELDS.value
    const length = nameEnd - nameStart
    if (CONNECTION_FIELD_LENGTHS[length] === 1) {
      for (const name of CONNECTION_FIELDS) {
        if (isText(bytes, nameStart, nameEnd, name)) return H2_FIELDS.connectionSpecific
      }
    }
    const isTe = length === 2 && isText(bytes, nameStart, nameEnd, 'te')
    const isWrong = isTe && !isText(bytes, valueStart, valueEnd, 'trailers')
    return isWrong ? H2_FIELDS.connectionSpecific : 0
  }

  /** No control byte but HTAB, and no white space at the ends (section 8.2.1). */
  isValue(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end) return true
    if (skipFieldContent(bytes, start, end, this.#view) !== end) return false
    return !isSpace(bytes[start]!) && !isSpace(bytes[end - 1]!)
  }
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === HTAB
}
