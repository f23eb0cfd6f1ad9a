import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import type { Socket } from 'node:net'
import type { HttpListener } from '../listeners/http-listener.ts'
import { ClientConnection } from '../http/client-connection.ts'
import { TcpConnection } from '../tcp/tcp-connection.ts'
import type { ListenerBinding } from '../threads/messages.ts'
import type { WorkerContext } from './context.ts'

const FULL_BODY =
  '{"status":503,"code":"ERR_GATEWAY_CONNECTIONS_FULL","title":"Too many client connections are open"}\n'
const FULL_ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nbackplane-reason: ERR_GATEWAY_CONNECTIONS_FULL\r\n' +
  `content-length: ${FULL_BODY.length}\r\nconnection: close\r\n\r\n${FULL_BODY}`
/** A refused client may take this long to read why. */
const REFUSED_MS = 1_000

const listeners = new WeakMap<ListenerBinding, HttpListener>()

/** A new connection at a listener of this worker. */
export function acceptAt(ctx: WorkerContext, binding: ListenerBinding, socket: Socket): void {
  const { spec } = binding
  if (!ctx.counts.take('connections', ctx.limits.connectionsMax)) {
    ctx.totals.countLimited('connections')
    return refuse(socket, spec.kind !== 'tcp')
  }
  if (spec.kind === 'tcp') return void new TcpConnection(ctx, spec, socket)
  let listener = listeners.get(binding)
  if (listener === undefined) listeners.set(binding, (listener = createListener(ctx, binding)))
  void new ClientConnection(ctx, listener, socket)
}

function createListener(ctx: WorkerContext, { spec }: ListenerBinding): HttpListener {
  const isOutbound = spec.kind === 'outbound'
  return {
    id: spec.id,
    caller: isOutbound ? spec.caller : '',
    service: isOutbound ? spec.service : '',
    edge: isOutbound ? ctx.totals.edge(spec.caller, '', spec.service) : null,
    isOutside: !isOutbound,
    isLoopback: isLoopback(spec.host) || spec.host === 'localhost',
    proxyProtocol: spec.kind === 'gateway' && spec.proxyProtocol,
  }
}

function refuse(socket: Socket, isHttp: boolean): void {
  socket.on('error', () => {})
  socket.setTimeout(REFUSED_MS, () => socket.destroy())
  socket.end(isHttp ? FULL_ANSWER : '')
  socket.resume()
}
