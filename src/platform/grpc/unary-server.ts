import { GRPC_STATUS, encodeGrpcMessage } from '../../mechanisms/grpc/grpc.ts'
import { localBlock, writeTextLines } from '../../mechanisms/http2/head-block.ts'
import { RequestText } from '../../mechanisms/http2/request-text.ts'
import { Http2Session } from '../../mechanisms/http2/session.ts'
import type { Http2Output } from '../../mechanisms/http2/output.ts'
import type { Http2Stream } from '../../mechanisms/http2/stream.ts'
import type { Clock } from '../capability.ts'
import type { TcpConnection, TcpOptions } from '../listeners/opening.ts'

const LIMITS = { headBytesMax: 16_384, requestLineBytesMax: 8_192, headersMax: 64 }
const STREAMS_MAX = 100
const STREAM_WINDOW = 1024 * 1024
const CONNECTION_WINDOW = 4 * 1024 * 1024
const OUTPUT_BYTES = 16_384
/** A message is in front of its payload by five bytes: whether it is compressed, and its length. */
const PREFIX_BYTES = 5

/** One call with one message each way. */
export interface GrpcCall {
  /** `/opentelemetry.proto.collector.logs.v1.LogsService/Export`. */
  readonly path: string
  /** A field by its lower-case name; '' where there is none. */
  field(name: string): string
  readonly message: Buffer
  /** `gzip`, or '' where the message is as it is. */
  readonly encoding: string
}

/** What a call is answered with. */
export interface GrpcAnswer {
  readonly status: number
  readonly text?: string
  readonly message?: Uint8Array
  /** Further trailers: whole lines, each with CR LF. */
  readonly lines?: string
}

/** How calls are answered and bounded. */
export interface GrpcOptions {
  readonly clock: Clock
  /** Bytes of one message, and of all that are on their way. */
  readonly messageBytesMax: number
  readonly bytesMax: number
  answer(call: GrpcCall): Promise<GrpcAnswer>
}

interface Call {
  path: string
  fields: Map<string, string>
  parts: Buffer[]
  bytes: number
  isOver: boolean
}

type Session = Http2Session<Call>
type Stream = Http2Stream<Call>

/** gRPC with one message each way, over HTTP/2 without TLS, for a TCP listener (grpc/doc/PROTOCOL-HTTP2.md). */
export function grpcOverTcp(options: GrpcOptions): TcpOptions {
  const sessions = new WeakMap<TcpConnection, { session: Session; output: FlushedOutput }>()
  const ground = { options, bytes: 0 }
  return {
    received(bytes, connection) {
      let known = sessions.get(connection)
      if (known === undefined) {
        known = openSession(connection, ground)
        sessions.set(connection, known)
        known.session.start()
      }
      const { session, output } = known
      session.receive(bytes, 0, bytes.length, options.clock.monotonicMs())
      output.flush()
      session.resume()
      output.flush()
      if (session.isFailed) connection.end()
      return bytes.length
    },
    closed(connection) {
      const known = sessions.get(connection)
      if (known === undefined) return
      for (const stream of known.session.streams()) forget(stream, ground)
    },
  }
}

/** Frames on their way to the connection. */
class FlushedOutput implements Http2Output {
  bytes = Buffer.allocUnsafe(OUTPUT_BYTES)
  end = 0
  readonly isFull = false
  readonly #connection: TcpConnection

  constructor(connection: TcpConnection) {
    this.#connection = connection
  }

  reserve(count: number): void {
    if (this.bytes.length - this.end >= count) return
    this.flush()
    if (this.bytes.length < count) this.bytes = Buffer.allocUnsafe(count)
  }

  flush(): void {
    if (this.end === 0) return
    this.#connection.write(Buffer.from(this.bytes.subarray(0, this.end)))
    this.end = 0
  }
}

interface Ground {
  readonly options: GrpcOptions
  /** Of all messages that are on their way. */
  bytes: number
}

function openSession(
  connection: TcpConnection,
  ground: Ground,
): { session: Session; output: FlushedOutput } {
  const output = new FlushedOutput(connection)
  const text = new RequestText()
  const trailers = new RequestText()
  const end = (stream: Stream): void => void finish(session, output, stream, ground)
  const session: Session = new Http2Session<Call>(
    {
      role: 'server',
      streamsMax: STREAMS_MAX,
      streamWindow: STREAM_WINDOW,
      connectionWindow: CONNECTION_WINDOW,
      opensOnReceipt: false,
      headBytesMax: LIMITS.headBytesMax,
    },
    output,
    {
      head(stream, decoder, isEnd) {
        const error = text.read(decoder, LIMITS, isEnd, () => '')
        if (error === -1) return -1
        stream.owner = beginCall(error === 0 ? text.bytes.toString('latin1', 0, text.end) : '')
        if (isEnd) end(stream)
        return 0
      },
      trailers(stream, decoder) {
        const error = trailers.read(decoder, LIMITS, true, () => '')
        end(stream)
        return error === -1 ? -1 : 0
      },
      data(stream, bytes, from, to, isEnd) {
        take(session, output, stream, Buffer.from(bytes.subarray(from, to)), ground)
        if (isEnd) end(stream)
      },
      reset: (stream) => forget(stream, ground),
      mistaken: (stream) => forget(stream, ground),
      refused: () => {},
      writable: () => {},
      settled: () => {},
      goingAway: () => {},
      failed: () => {
        for (const stream of session.streams()) forget(stream, ground)
      },
    },
  )
  return { session, output }
}

function beginCall(head: string): Call {
  const [line = '', ...lines] = head.split('\r\n')
  const fields = new Map<string, string>()
  for (const one of lines) {
    const colon = one.indexOf(':')
    if (colon > 0) fields.set(one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim())
  }
  return { path: line.split(' ')[1] ?? '', fields, parts: [], bytes: 0, isOver: head === '' }
}

function take(
  session: Session,
  output: FlushedOutput,
  stream: Stream,
  bytes: Buffer,
  ground: Ground,
): void {
  const call = stream.owner
  session.consumed(stream, bytes.length)
  if (call === null || call.isOver) return
  const { messageBytesMax, bytesMax } = ground.options
  if (call.bytes + bytes.length > messageBytesMax + PREFIX_BYTES) {
    return refuse(
      session,
      output,
      stream,
      ground,
      `a message has more than ${messageBytesMax} bytes`,
    )
  }
  if (ground.bytes + bytes.length > bytesMax) {
    return refuse(session, output, stream, ground, 'too much is on its way')
  }
  call.parts.push(bytes)
  call.bytes += bytes.length
  ground.bytes += bytes.length
}

function forget({ owner }: Stream, ground: Ground): void {
  if (owner === null) return
  ground.bytes -= owner.bytes
  owner.bytes = 0
  owner.parts = []
  owner.isOver = true
}

function refuse(
  session: Session,
  output: FlushedOutput,
  stream: Stream,
  ground: Ground,
  text: string,
): void {
  forget(stream, ground)
  reply(session, output, stream, { status: GRPC_STATUS.resourceExhausted, text })
}

/** All of the request has come. */
async function finish(
  session: Session,
  output: FlushedOutput,
  stream: Stream,
  ground: Ground,
): Promise<void> {
  const call = stream.owner
  if (call === null || call.isOver) return
  const bytes = Buffer.concat(call.parts)
  const { path, fields } = call
  // They count until they are answered: a stream that is reset meanwhile frees nothing.
  const held = call.bytes
  call.bytes = 0
  call.parts = []
  const answer = await answerOf(ground.options, path, fields, bytes)
  ground.bytes -= held
  forget(stream, ground)
  if (!session.isFailed) reply(session, output, stream, answer)
}

async function answerOf(
  options: GrpcOptions,
  path: string,
  fields: ReadonlyMap<string, string>,
  bytes: Buffer,
): Promise<GrpcAnswer> {
  if (!/^application\/grpc(?:$|[+;])/.test(fields.get('content-type') ?? '')) {
    return { status: GRPC_STATUS.internal, text: 'content-type is not application/grpc' }
  }
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES) {
    return { status: GRPC_STATUS.internal, text: 'a call has exactly one whole message' }
  }
  try {
    return await options.answer({
      path,
      field: (name) => fields.get(name) ?? '',
      message: bytes.subarray(PREFIX_BYTES),
      encoding: bytes[0] === 1 ? (fields.get('grpc-encoding') ?? '') : '',
    })
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { status: GRPC_STATUS.unknown, text }
  }
}

function reply(
  session: Session,
  output: FlushedOutput,
  stream: Stream,
  { status, text = '', message, lines = '' }: GrpcAnswer,
): void {
  if (stream.isGone) return
  const { sender } = session
  const head = localBlock(200, 'content-type: application/grpc\r\n', -1)
  const at = sender.beginBlock(head.length)
  output.bytes.set(head, at)
  stream.hasAnswered = true
  sender.endBlock(stream, at + head.length, false)
  if (message !== undefined) {
    const framed = Buffer.alloc(PREFIX_BYTES + message.length)
    framed.writeUInt32BE(message.length, 1)
    framed.set(message, PREFIX_BYTES)
    sender.send(stream, framed, 0, framed.length, false)
  }
  const told = text === '' ? '' : `grpc-message: ${encodeGrpcMessage(text)}\r\n`
  const trailers = `grpc-status: ${status}\r\n${told}${lines}`
  const block = Buffer.alloc(trailers.length * 4 + 64)
  const length = writeTextLines(block, 0, trailers)
  sender.end(stream, block.subarray(0, length))
  output.flush()
}
