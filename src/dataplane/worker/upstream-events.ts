import { type Exchange, PHASE } from '../http/exchange.ts'
import { endOfUpstream, readResponseHead, relayResponseBody } from '../http/response.ts'
import { endTunnel, tunnelDown } from '../http/tunnel.ts'
import type { UpstreamConnection, UpstreamEvents } from '../upstream/connection.ts'
import { sendRequest } from '../upstream/dispatch.ts'
import { discardConnection } from '../upstream/pool.ts'
import { failAttempt } from '../upstream/retry.ts'
import type { WorkerContext } from './context.ts'

/** What happens on a connection to an instance, led to the step that its exchange is in. */
export function createUpstreamEvents(context: () => WorkerContext): UpstreamEvents {
  return {
    connected(connection) {
      const { exchange } = connection
      const ctx = context()
      if (exchange !== null) sendRequest(ctx, exchange, connection, ctx.clock.monotonicMs())
    },
    received(connection, bytes, length) {
      const { exchange } = connection
      // Bytes that nobody asked for: whatever they are, the next request must not get them as its answer.
      if (exchange === null) return discardConnection(context(), connection)
      receive(context(), exchange, connection, bytes, length)
    },
    drained(connection) {
      connection.exchange?.client?.resume()
    },
    ended(connection) {
      close(context(), connection, '')
    },
    closed(connection, error) {
      close(context(), connection, error)
    },
  }
}

function receive(
  ctx: WorkerContext,
  exchange: Exchange,
  connection: UpstreamConnection,
  bytes: Buffer,
  length: number,
): void {
  switch (exchange.phase) {
    case PHASE.asked:
      return readResponseHead(ctx, exchange, connection, bytes, length)
    case PHASE.answering:
      return relayResponseBody(ctx, exchange, bytes, length)
    case PHASE.tunnel:
      return tunnelDown(ctx, exchange, bytes, length)
    case PHASE.pending:
    case PHASE.connecting:
    case PHASE.free:
      return discardConnection(ctx, connection)
    default:
      return exchange.phase satisfies never
  }
}

function close(ctx: WorkerContext, connection: UpstreamConnection, error: string): void {
  const { exchange } = connection
  if (exchange === null) return discardConnection(ctx, connection)
  const name = exchange.attempt?.instance ?? ''
  switch (exchange.phase) {
    case PHASE.connecting:
      return failAttempt(
        ctx,
        exchange,
        'connect-refused',
        `${connection.instance.address}: ${error || 'closed'}`,
      )
    case PHASE.asked: {
      const isStale = connection.isReused && !connection.hasAnswered
      const detail = `${name} closed the connection before its answer${error === '' ? '' : ` (${error})`}`
      return failAttempt(ctx, exchange, isStale ? 'stale' : 'reset', detail)
    }
    case PHASE.answering:
      return endOfUpstream(ctx, exchange, error)
    case PHASE.tunnel:
      return endTunnel(ctx, exchange)
    case PHASE.pending:
    case PHASE.free:
      return discardConnection(ctx, connection)
    default:
      return exchange.phase satisfies never
  }
}
