import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { GrpcCheckSpec } from '../check-spec.ts'
import type { CheckAddress, Finding } from './finding.ts'

/** Bytes of an answer that are read: the message is one number. */
const ANSWER_BYTES_MAX = 1024
/** Of `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING = 1
const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const

/** Asks `grpc.health.v1.Health/Check` over HTTP/2, in plain text (h2c) or TLS. Only SERVING is passing. */
export async function runGrpcCheck(
  place: CheckAddress,
  { grpcService = '', tls }: Pick<GrpcCheckSpec, 'grpcService' | 'tls'>,
  signal: AbortSignal,
): Promise<Finding> {
  const { connect } = await import('node:http2')
  // Whoever is given up before this is not told again.
  if (signal.aborted) throw new Error('aborted')
  const scheme = tls === undefined ? 'http' : 'https'
  const session = connect(`${scheme}://${formatHostPort(place)}`, {
    rejectUnauthorized: tls?.skipVerify !== true,
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  })
  const abort = () => session.destroy(new Error('aborted'))
  signal.addEventListener('abort', abort, { once: true })
  try {
    const answer = await ask(session, grpcService)
    return judge(grpcService, answer)
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
  }
}

interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly message: Buffer
}

async function ask(session: ClientHttp2Session, grpcService: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  session.on('error', reject)
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'backplane-check',
  })
  collect(stream, resolve, reject)
  stream.end(requestOf(grpcService))
  return promise
}

function collect(
  stream: ClientHttp2Stream,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('response', (given) => (headers = given))
  stream.on('trailers', (given) => (trailers = given))
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= ANSWER_BYTES_MAX) chunks.push(chunk)
    else stream.destroy(new Error('the answer is too long for a health check'))
  })
  stream.on('error', reject)
  stream.on('close', () => resolve({ headers, trailers, message: Buffer.concat(chunks) }))
}

/** gRPC's frame (no compression, length) around `HealthCheckRequest { string service = 1; }`. */
function requestOf(grpcService: string): Buffer {
  const name = Buffer.from(grpcService, 'utf8')
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name])
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  return Buffer.concat([frame, message])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  while (left >= 0x80) {
    bytes.push((left & 0x7f) | 0x80)
    left >>>= 7
  }
  return Buffer.from([...bytes, left])
}

function judge(grpcService: string, { headers, trailers, message }: Answer): Finding {
  const code = trailers['grpc-status'] ?? headers['grpc-status']
  const what = grpcService === '' ? 'gRPC' : `gRPC ${grpcService}`
  const httpStatus = Number(headers[':status'])
  if (httpStatus !== 200) {
    return { status: 'critical', output: `${what}: HTTP status ${httpStatus}` }
  }
  if (code !== undefined && code !== '0') {
    const text = trailers['grpc-message'] ?? headers['grpc-message'] ?? ''
    return { status: 'critical', output: `${what}: grpc-status ${String(code)} ${String(text)}` }
  }
  const serving = servingOf(message)
  return {
    status: serving === SERVING ? 'passing' : 'critical',
    output: `${what}: ${statusNames[serving] ?? 'no status'}`,
  }
}

/** `HealthCheckResponse { ServingStatus status = 1; }`: 0 is not sent. -1: not such a message. */
function servingOf(frame: Buffer): number {
  if (frame.length < 5 || frame[0] !== 0) return -1
  const message = frame.subarray(5)
  if (message.length !== frame.readUInt32BE(1)) return -1
  if (message.length === 0) return 0
  return message.length === 2 && message[0] === 0x08 ? (message[1] ?? -1) : -1
}
