import { readChunked, readRequest } from '../../src/mechanisms/http1/testing/reference.ts'

/** A complete request as it stood on the wire. */
export interface WireMessage {
  readonly bytes: string
  readonly method: string
  readonly target: string
  readonly host: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly trailers: readonly (readonly [name: string, value: string])[]
}

/** The first complete request of Latin-1 text, null if it is not complete. Throws for bytes that the reference refuses. */
export function readMessage(text: string): WireMessage | null {
  const verdict = readRequest(text)
  if (verdict.kind === 'incomplete') return null
  if (verdict.kind === 'refused') throw new Error(`not a strict request: ${JSON.stringify(text)}`)
  const { method, target, host, fields, isChunked, contentLength, length } = verdict.message
  const message = { method, target, host, fields }
  const rest = text.slice(length)
  if (!isChunked) {
    const bodyLength = Math.max(0, contentLength)
    if (rest.length < bodyLength) return null
    return {
      ...message,
      bytes: text.slice(0, length + bodyLength),
      body: rest.slice(0, bodyLength),
      trailers: [],
    }
  }
  const body = readChunked(rest)
  if (body.kind === 'incomplete') return null
  if (body.kind === 'refused') throw new Error(`not a strict chunked body: ${JSON.stringify(text)}`)
  const { payload, trailers } = body.message
  return { ...message, bytes: text.slice(0, length + body.message.length), body: payload, trailers }
}
