import type { Socket } from 'node:net'
import type { Clock, Log } from '../../../platform/capability.ts'
import { createListenerApp } from '../../../platform/http/listener.ts'
import { registerEventRoutes } from './http/routes.ts'
import { createGrpcServer } from './kurrentdb/grpc-server.ts'
import { kurrentMethods } from './kurrentdb/methods.ts'
import type { Served } from './served.ts'

/** A connection that has not said its first bytes by then is closed. */
const FIRST_BYTES_MS = 10_000
/** Ids, types and the rest of a message beside data and metadata. */
const MESSAGE_BYTES_MORE = 8 * 1024 * 1024
/** How HTTP/2 begins with prior knowledge (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0')

export interface EndpointOptions {
  readonly served: Served
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly clock: Clock
  readonly log: Log
}

/** The one port of events: by its first bytes a connection speaks gRPC over HTTP/2, or HTTP/1.1. */
export interface Endpoint {
  accept(socket: Socket): void
  close(): Promise<void>
}

export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { served, hosts, token, clock, log } = options
  const app = createListenerApp({ log, hosts, token, section: 'events' })
  registerEventRoutes(app, () => served)
  await app.ready()
  const grpc = createGrpcServer({
    methods: kurrentMethods(served),
    token,
    // One message may be a whole append.
    messageBytesMax: () => served.limits().appendBytesMax + MESSAGE_BYTES_MORE,
    log,
  })
  return {
    accept: (socket) =>
      whenFirstBytes(socket, clock, (isHttp2) => {
        if (isHttp2) grpc.accept(socket)
        else {
          app.server.emit('connection', socket)
          // The server listens now; what was given back comes first.
          clock.nextTurn(() => socket.resume())
        }
      }),
    async close() {
      grpc.close()
      await app.close()
    },
  }
}

/** Looks at the first bytes, gives them back, and says what they begin. */
function whenFirstBytes(socket: Socket, clock: Clock, decided: (isHttp2: boolean) => void): void {
  const cancel = clock.after(FIRST_BYTES_MS, () => socket.destroy())
  let first = Buffer.alloc(0)
  const look = (bytes: Buffer): void => {
    first = Buffer.concat([first, bytes])
    const length = Math.min(first.length, PREFACE.length)
    const isLike = first.subarray(0, length).equals(PREFACE.subarray(0, length))
    // What comes in pieces is waited for while it may become either. A method of HTTP/1 that begins like it (PRI) does not exist.
    if (isLike && length < 3) return
    cancel()
    socket.off('data', look)
    socket.pause()
    socket.unshift(first)
    decided(isLike)
  }
  socket.on('close', cancel)
  socket.on('data', look)
}
