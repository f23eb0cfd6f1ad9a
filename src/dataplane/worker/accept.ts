import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import type { Socket } from 'node:net'
import type { HttpDoor } from '../doors/door.ts'
import { ClientConnection } from '../http/client-connection.ts'
import { TcpConnection } from '../tcp/tcp-connection.ts'
import type { DoorBinding } from '../workers/messages.ts'
import type { WorkerContext } from './context.ts'

const FULL_BODY =
  '{"status":503,"code":"ERR_GATEWAY_CONNECTIONS_FULL","title":"Too many client connections are open"}\n'
const FULL_ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nbackplane-reason: ERR_GATEWAY_CONNECTIONS_FULL\r\n' +
  `content-length: ${FULL_BODY.length}\r\nconnection: close\r\n\r\n${FULL_BODY}`
/** A refused client may take this long to read why. */
const REFUSED_MS = 1_000

const doors = new WeakMap<DoorBinding, HttpDoor>()

/** A new connection at a door of this worker. */
export function acceptAt(ctx: WorkerContext, binding: DoorBinding, socket: Socket): void {
  const { spec } = binding
  if (!ctx.counts.take('connections', ctx.limits.connectionsMax)) {
    ctx.totals.countLimited('connections')
    return refuse(socket, spec.kind !== 'tcp')
  }
  if (spec.kind === 'tcp') return void new TcpConnection(ctx, spec, socket)
  let door = doors.get(binding)
  if (door === undefined) doors.set(binding, (door = createDoor(ctx, binding)))
  void new ClientConnection(ctx, door, socket)
}

function createDoor(ctx: WorkerContext, { spec }: DoorBinding): HttpDoor {
  const isInside = spec.kind === 'inside'
  return {
    id: spec.id,
    caller: isInside ? spec.caller : '',
    service: isInside ? spec.service : '',
    edge: isInside ? ctx.totals.edge(spec.caller, '', spec.service) : null,
    isOutside: !isInside,
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
