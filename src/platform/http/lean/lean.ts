import { createRequestHead } from '../../../mechanisms/http1/request-head.ts'
import type { Clock, Log } from '../../capability.ts'
import { listenAll, type OpenOptions, type Opened } from '../../listeners/tcp.ts'
import { createWheel } from '../../wheel.ts'
import { ConnectionBook } from './book.ts'
import { LeanConnection, type LeanGround } from './connection.ts'
import { LEAN_LIMITS, type LeanOptions } from './options.ts'

/** Deadlines of connections need not be sharp. */
const TICK_MS = 500
/** Bytes of one read, of whichever connection. */
const READ_BYTES = 64 * 1024

/**
 * An HTTP/1.1 listener on our own codec. A request that waits costs its connection, a small record, and nothing at all while nothing
 * happens; many thousands may. Throws `ListenerTakenError`.
 */
export async function openLean(at: OpenOptions, options: LeanOptions, log: Log): Promise<Opened> {
  const limits = { ...LEAN_LIMITS, ...options.limits }
  const book = new ConnectionBook<LeanConnection>(limits)
  const wheel = createWheel<LeanConnection>(at.clock, TICK_MS, (connection) => connection.timeOut())
  const ground: LeanGround = {
    options,
    limits,
    log,
    book,
    wheel,
    readBuffer: Buffer.allocUnsafeSlow(READ_BYTES),
    head: createRequestHead(limits.headersMax),
    bodiesBytes: 0,
    isDraining: false,
    date: createDates(at.clock),
  }
  const { port, servers } = await listenAll(
    at,
    (socket) => {
      socket.on('error', () => {})
      if (!at.mayConnect(socket.remoteAddress ?? '')) return void socket.destroy()
      const connection = new LeanConnection(ground, socket)
      if (book.add(connection)) connection.begin()
      else connection.destroy()
    },
    { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
  )
  return {
    host: at.host,
    port,
    connectionCount: () => book.size,
    refused: () => ({ ...book.refused }),
    async close() {
      // Not waited for: its connections were taken over, and it would wait for them for ever.
      for (const server of servers) server.close()
      await drain(ground, at.clock)
      wheel.close()
    },
  }
}

/** What is under way may end; what has not ended by then is cut off. */
async function drain(ground: LeanGround, clock: Clock): Promise<void> {
  ground.isDraining = true
  const { book, limits } = ground
  for (const connection of book.all()) connection.drain()
  const endMs = clock.monotonicMs() + limits.drainMs
  while (book.size > 0 && clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => void clock.after(DRAIN_LOOK_MS, resolve))
  }
  for (const connection of book.all()) connection.destroy()
  await new Promise<void>((resolve) => void clock.nextTurn(resolve))
}

/** Between two looks whether all have gone. */
const DRAIN_LOOK_MS = 10

/** The `date` field (RFC 9110 section 6.6.1), made once a second. */
function createDates(clock: Clock): () => string {
  let second = -1
  let text = ''
  return () => {
    const now = Math.trunc(clock.nowMs() / 1_000)
    if (now !== second) text = new Date(now * 1_000).toUTCString()
    second = now
    return text
  }
}
