import type { Socket } from 'node:net'
import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import { Http1Connection } from '../client/http1-connection.ts'
import { RawConnection } from '../client/raw-connection.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ListenerBinding } from '../threads/messages.ts'
import { PLACE } from '../shared/counts.ts'
import type { WorkerContext } from './context.ts'

const FULL_BODY =
  '{"status":503,"code":"ERR_GATEWAY_CONNECTIONS_FULL","title":"Too many client connections are open"}\n'
const FULL_ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nbackplane-reason: ERR_GATEWAY_CONNECTIONS_FULL\r\n' +
  `content-length: ${FULL_BODY.length}\r\nconnection: close\r\n\r\n${FULL_BODY}`
/** A refused client may take this long to read why. */
const REFUSED_MS = 1_000

/** Takes in the connections of one worker. */
export class Acceptor {
  readonly #ctx: WorkerContext
  /** One a binding: a reload makes new ones, and open connections keep theirs. */
  readonly #listeners = new WeakMap<ListenerBinding, ClientListener>()

  constructor(ctx: WorkerContext) {
    this.#ctx = ctx
  }

  /** A new connection at a listener of this worker. */
  accept(binding: ListenerBinding, socket: Socket): void {
    const ctx = this.#ctx
    const isRaw = binding.spec.kind === 'tcp'
    if (!ctx.counts.take(PLACE.connections, ctx.limits.connectionsMax)) {
      ctx.totals.countLimited('connections')
      return this.#refuse(socket, isRaw)
    }
    const listener = this.#listenerOf(binding)
    if (isRaw) {
      const raw = new RawConnection(ctx, listener, socket, ctx.clientEvents, (gone) => {
        ctx.rawClients.delete(gone)
        ctx.counts.give(PLACE.connections)
      })
      if (!raw.isDestroyed) ctx.rawClients.add(raw)
      return
    }
    const client = new Http1Connection(ctx, listener, socket, ctx.clientEvents, (gone) => {
      ctx.clients.delete(gone)
      ctx.counts.give(PLACE.connections)
    })
    ctx.clients.add(client)
  }

  #listenerOf(binding: ListenerBinding): ClientListener {
    const known = this.#listeners.get(binding)
    if (known !== undefined) return known
    const created = createListener(this.#ctx, binding)
    this.#listeners.set(binding, created)
    return created
  }

  #refuse(socket: Socket, isRaw: boolean): void {
    socket.on('error', () => {})
    const cancel = this.#ctx.clock.after(REFUSED_MS, () => socket.destroy())
    socket.on('close', cancel)
    socket.end(isRaw ? '' : FULL_ANSWER)
    socket.resume()
  }
}

function createListener(ctx: WorkerContext, { spec, port }: ListenerBinding): ClientListener {
  const { totals } = ctx
  const rest = { id: spec.id, port, isLoopback: isLoopback(spec.host) || spec.host === 'localhost' }
  switch (spec.kind) {
    case 'gateway': {
      const { proxyProtocol } = spec
      return {
        ...rest,
        caller: '',
        service: '',
        route: '',
        edge: null,
        isPublic: true,
        proxyProtocol,
      }
    }
    case 'outbound': {
      const { caller, service } = spec
      const edge = totals.edge(caller, '', service)
      return { ...rest, caller, service, route: '', edge, isPublic: false, proxyProtocol: false }
    }
    case 'tcp': {
      const { service, route, proxyProtocol } = spec
      const edge = totals.edge('', route, service)
      return { ...rest, caller: '', service, route, edge, isPublic: true, proxyProtocol }
    }
    default:
      return spec satisfies never
  }
}
