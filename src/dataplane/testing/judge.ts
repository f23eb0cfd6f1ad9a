import assert from 'node:assert/strict'
import { readRequest, valuesOf } from '../../mechanisms/http1/testing/reference.ts'

/** One request as an instance got it; what came of its body so far. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly payload: string
  readonly isWhole: boolean
  /** Bytes of it, head and body. */
  readonly length: number
}

/**
 * All that one connection to an instance carried, as a strict parser of its own reads it: requests, one behind the other, the last of which may
 * be cut. Fails for anything else. What comes behind an upgrade is not looked at.
 */
export function judgeConnection(text: string): SeenRequest[] {
  const seen: SeenRequest[] = []
  for (let at = 0; at < text.length;) {
    const verdict = readRequest(text.slice(at))
    if (verdict.kind === 'incomplete') {
      assert.match(text.slice(at), /^[A-Z]+( [\x21-\x7e]*)?/, 'not the beginning of a request')
      return seen
    }
    assert.equal(verdict.kind, 'message', `no request: ${JSON.stringify(text.slice(at, at + 200))}`)
    if (verdict.kind !== 'message') return seen
    const { method, target, fields, contentLength, isChunked, length } = verdict.message
    const rest = text.slice(at + length)
    const body = isChunked ? judgeChunks(rest) : judgeLength(rest, Math.max(0, contentLength))
    const { payload, isWhole } = body
    seen.push({ method, target, fields, payload, isWhole, length: length + body.length })
    if (!isWhole || valuesOf(fields, 'upgrade').length > 0) return seen
    at += length + body.length
  }
  return seen
}

/** The value of a field that must be there once. */
export function fieldOf(request: SeenRequest, name: string): string {
  const values = valuesOf(request.fields, name)
  assert.equal(values.length, 1, `${name}: ${values.join(', ')}`)
  return values[0]!
}

interface Body {
  readonly payload: string
  readonly isWhole: boolean
  /** Bytes that it took. */
  readonly length: number
}

function judgeLength(text: string, length: number): Body {
  return { payload: text.slice(0, length), isWhole: text.length >= length, length }
}

/** RFC 9112 section 7.1, without extensions and trailers: the gateway makes none of its own. */
function judgeChunks(text: string): Body {
  let payload = ''
  let at = 0
  for (;;) {
    const line = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 16))
    if (line === null) {
      assert.match(text.slice(at, at + 16), /^([0-9a-f]+\r?)?$/, 'not the beginning of a chunk')
      return { payload, isWhole: false, length: text.length }
    }
    const size = Number.parseInt(line[1]!, 16)
    const start = at + line[0].length
    payload += text.slice(start, start + size)
    at = start + size + 2
    const end = text.slice(start + size, at)
    assert.ok('\r\n'.startsWith(end), `no line end behind a chunk: ${JSON.stringify(end)}`)
    if (end.length < 2) return { payload, isWhole: false, length: text.length }
    if (size === 0) return { payload, isWhole: true, length: at }
  }
}
