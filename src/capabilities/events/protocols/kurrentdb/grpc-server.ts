import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { ProtobufError } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { Log } from '../../../../platform/capability.ts'
import { hasCredentials } from '../../../../platform/http/guard.ts'
import { EventsError } from '../../errors.ts'
import { GrpcCall } from './grpc-call.ts'
import { CODE, GrpcError } from './grpc-error.ts'

/** Calls of one connection that are open at once. */
export const CALLS_PER_CONNECTION_MAX = 1_000
/** What a client may send ahead in one call. */
const WINDOW_BYTES = 1024 * 1024

/** Answers one call; it ends with OK when the promise is fulfilled. */
export type GrpcMethod = (call: GrpcCall) => Promise<void>

export interface GrpcServerOptions {
  /** By their path: `/event_store.client.streams.Streams/Read`. */
  readonly methods: ReadonlyMap<string, GrpcMethod>
  readonly token: string | undefined
  readonly messageBytesMax: () => number
  readonly log: Log
}

/** gRPC over HTTP/2 with prior knowledge (PROTOCOL-HTTP2.md), as far as KurrentDB's clients speak it. */
export interface GrpcServer {
  accept(socket: Socket): void
  close(): void
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const sessions = new Set<{ destroy(): void }>()
  const server: Http2Server = createServer({
    settings: { maxConcurrentStreams: CALLS_PER_CONNECTION_MAX, initialWindowSize: WINDOW_BYTES },
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.setLocalWindowSize(WINDOW_BYTES * 8)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => void serve(stream, headers, options))
  return {
    accept: (socket) => void server.emit('connection', socket),
    close() {
      for (const session of sessions) session.destroy()
    },
  }
}

async function serve(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, token, messageBytesMax, log }: GrpcServerOptions,
): Promise<void> {
  stream.on('error', () => {})
  if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
    stream.respond({ ':status': 415 }, { endStream: true })
    stream.close(constants.NGHTTP2_NO_ERROR)
    return
  }
  const call = new GrpcCall(stream, headers, messageBytesMax())
  const path = headers[':path'] ?? ''
  try {
    if (token !== undefined && !hasCredentials(headers.authorization, token)) {
      throw new GrpcError(CODE.unauthenticated, 'this listener demands events.token', {
        exception: 'access-denied',
      })
    }
    const method = methods.get(path)
    if (method === undefined) throw new GrpcError(CODE.unimplemented, `there is no ${path}`)
    await method(call)
    call.end()
  } catch (error) {
    if (call.signal.aborted) return
    const told = grpcErrorOf(error)
    if (told.status === CODE.internal) log('error', 'a gRPC call has failed', { path, error })
    call.end(told)
  }
}

/** What a client is told of any error. */
export function grpcErrorOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  if (error instanceof ProtobufError) return new GrpcError(CODE.invalidArgument, error.message)
  if (error instanceof EventsError) return ofEvents(error)
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'ERR_STORAGE_FULL' && error instanceof Error) {
    return new GrpcError(CODE.resourceExhausted, error.message)
  }
  return new GrpcError(CODE.internal, 'Backplane failed to answer; its log says why.')
}

function ofEvents(error: EventsError): GrpcError {
  const { message, fields } = error
  const stream = typeof fields['stream'] === 'string' ? fields['stream'] : ''
  const group = typeof fields['group'] === 'string' ? fields['group'] : ''
  const of = { 'stream-name': header(stream), 'group-name': header(group) }
  switch (error.code) {
    case 'ERR_EVENTS_STREAM_UNKNOWN':
      return new GrpcError(CODE.notFound, message, { exception: 'stream-not-found', ...of })
    case 'ERR_EVENTS_STREAM_DELETED':
      return new GrpcError(CODE.failedPrecondition, message, { exception: 'stream-deleted', ...of })
    case 'ERR_EVENTS_TOO_LARGE':
      return new GrpcError(CODE.invalidArgument, message, {
        exception: 'maximum-append-size-exceeded',
        'maximum-append-size': String(Number(fields['bytesMax'] ?? 0)),
      })
    case 'ERR_EVENTS_NAME_RESERVED':
      return new GrpcError(CODE.permissionDenied, message, { exception: 'access-denied' })
    case 'ERR_EVENTS_GROUP_UNKNOWN':
      return new GrpcError(CODE.notFound, message, {
        exception: 'persistent-subscription-does-not-exist',
        ...of,
      })
    case 'ERR_EVENTS_GROUP_EXISTS':
      return new GrpcError(CODE.alreadyExists, message, {
        exception: 'persistent-subscription-exists',
        ...of,
      })
    case 'ERR_EVENTS_GROUP_FULL':
      return new GrpcError(CODE.failedPrecondition, message, {
        exception: 'maximum-subscribers-reached',
        ...of,
      })
    case 'ERR_EVENTS_CORRUPT':
      return new GrpcError(CODE.dataLoss, message)
    case 'ERR_EVENTS_BUSY':
    case 'ERR_EVENTS_LIMIT':
      return new GrpcError(CODE.resourceExhausted, message)
    case 'ERR_EVENTS_CLOSED':
      return new GrpcError(CODE.unavailable, message)
    case 'ERR_EVENTS_CONFLICT':
      return new GrpcError(CODE.failedPrecondition, message)
    case 'ERR_EVENTS_INVALID':
    case 'ERR_EVENTS_FILTER_INVALID':
      return new GrpcError(CODE.invalidArgument, message)
  }
}

/** A value of a header is printable ASCII. */
function header(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?')
}
