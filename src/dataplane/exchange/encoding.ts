import { beginBody, createBodyReader, readBody } from '../../mechanisms/http1/body.ts'
import { fieldValue } from '../../mechanisms/http1/fields.ts'
import { HEAD_ERROR } from '../../mechanisms/http1/errors.ts'
import {
  createResponseHead,
  FRAMING,
  parseResponseHead,
  type ResponseHead,
} from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { ExchangeContext } from './context.ts'
import { Encoder } from './encoder.ts'
import type { BoundAttempt, Exchange } from './exchange.ts'

/** Answers that are encoded at a time, a worker; more go as they are. */
export const ENCODERS_MAX = 256

/** Fields that are not true any more of what is encoded. */
const STALE = new Set([
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'content-md5',
  'content-digest',
  'digest',
  'accept-ranges',
  'trailer',
])
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')

/** How the exchange goes on with what comes of the encoder. */
export interface EncodingSteps {
  /** Something of the answer went to the client. */
  sent(exchange: Exchange): void
  /** All of it did. */
  done(exchange: Exchange): void
  /** The encoder takes more. */
  drained(exchange: Exchange): void
}

/** Sends the head of an encoded answer. 0, or a negative HEAD_ERROR and nothing was sent. */
export function beginEncoding(
  ctx: ExchangeContext,
  { exchange, stream }: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
  rewrite: ResponseRewrite,
  steps: EncodingSteps,
): number {
  const { client, encoding: name } = exchange
  if (name === '') throw new TypeError('nothing was chosen to encode with')
  const text = Buffer.from(encodedHead(head, bytes, name), 'latin1')
  const own = createResponseHead(head.fields.count + 4)
  const limits = { headBytesMax: text.length }
  if (parseResponseHead(text, 0, text.length, limits, own, exchange.method) !== text.length)
    return HEAD_ERROR.headTooLarge
  const body = createBodyReader()
  beginBody(body, FRAMING.chunked, 0, 0)
  const error = client.sendHead(own, text, text.length, text.length, body, rewrite)
  if (error < 0) return error
  const flushes = stream.body.framing !== FRAMING.length
  exchange.encodes = { encoder: createEncoder(ctx, exchange, name, flushes, steps), body }
  ctx.encoders.count++
  return 0
}

function createEncoder(
  ctx: ExchangeContext,
  exchange: Exchange,
  name: Encoder['name'],
  flushes: boolean,
  steps: EncodingSteps,
): Encoder {
  const { turn, client } = exchange
  /** Zlib speaks in turns of its own: what goes wrong there costs this request, and what became possible for others runs behind it. */
  const step = (work: () => void): void => {
    if (exchange.turn !== turn) return
    try {
      work()
    } catch (error) {
      ctx.clientEvents.failed(client, error)
    }
    ctx.turns.run()
  }
  return new Encoder(name, flushes, {
    data: (bytes) =>
      step(() => {
        sendChunk(exchange, bytes)
        steps.sent(exchange)
      }),
    end: () =>
      step(() => {
        sendRaw(exchange, LAST_CHUNK)
        steps.done(exchange)
      }),
    drain: () => step(() => steps.drained(exchange)),
    failed: (error) => step(() => ctx.clientEvents.failed(client, error)),
  })
}

/** More of the body, [start, end) of what the instance sent. A negative HEAD_ERROR for broken framing; else 1 where more may come at once, and 0 where not. */
export function encodeBody(
  { exchange, stream }: BoundAttempt,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const { encoder } = exchange.encodes!
  const { body } = stream
  let at = start
  let isTaken = true
  while (at < end && !body.isDone) {
    at = readBody(body, bytes, at, end)
    if (at < 0) return at
    if (body.payloadEnd > body.payloadStart)
      isTaken = encoder.write(bytes.subarray(body.payloadStart, body.payloadEnd))
  }
  if (body.isLast) body.isDone = true
  body.consumed = at
  return isTaken ? 1 : 0
}

/** Of an exchange that is over, however. */
export function endEncoding(ctx: ExchangeContext, exchange: Exchange): void {
  if (exchange.encodes === null) return
  exchange.encodes.encoder.close()
  exchange.encodes = null
  ctx.encoders.count--
}

function sendChunk(exchange: Exchange, bytes: Buffer): void {
  if (bytes.length === 0) return
  const size = `${bytes.length.toString(16)}\r\n`
  sendRaw(exchange, Buffer.concat([Buffer.from(size, 'latin1'), bytes, Buffer.from('\r\n')]))
}

function sendRaw({ client, encodes }: Exchange, bytes: Buffer): void {
  client.sendBody(encodes!.body, bytes, 0, bytes.length)
}

/** The head as it would be of a service that encodes: in chunks, and with an ETag that is of another spelling of the same (RFC 9110 section 8.8.1). */
function encodedHead(head: ResponseHead, bytes: Buffer, encoding: string): string {
  const { count, offsets } = head.fields
  let text = `HTTP/1.1 ${head.status} ${bytes.toString('latin1', head.reasonStart, head.reasonEnd)}\r\n`
  for (let field = 0; field < count; field++) {
    const name = bytes.toString('latin1', offsets[field * 4], offsets[field * 4 + 1])
    const lower = name.toLowerCase()
    if (STALE.has(lower)) continue
    const value = fieldValue(bytes, head.fields, field)
    text += `${name}: ${lower === 'etag' && value.startsWith('"') ? `W/${value}` : value}\r\n`
  }
  return `${text}content-encoding: ${encoding}\r\ntransfer-encoding: chunked\r\n\r\n`
}
