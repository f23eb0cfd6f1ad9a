import type { Socket } from 'node:net'
import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import type { ClientConnection } from '../client/client-connection.ts'
import { Http2Connection } from '../client/http2-connection.ts'
import { ClientPeer } from '../client/peer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { Wire, type WireEvents } from '../io/wire.ts'
import { Http1Connection } from '../client/http1-connection.ts'
import { RawConnection } from '../client/raw-connection.ts'
import { type Accepted, acceptPlain } from '../io/accepted.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ListenerBinding } from '../threads/messages.ts'
import { PLACE } from '../shared/counts.ts'
import type { WorkerContext } from './context.ts'
import { refuseCrowd, shakeHands } from './shake-hands.ts'

/** A wire is given to its connection in the same turn: nothing comes before that. */
const UNHEARD: WireEvents = { received() {}, flushed() {}, ended() {}, closed() {} }

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
    const listener = this.#listenerOf(binding)
    if (!ctx.counts.take(PLACE.connections, ctx.limits.connectionsMax)) {
      ctx.totals.countLimited('connections')
      return refuseCrowd(ctx, socket, binding.spec.kind !== 'tcp' && listener.tls === null)
    }
    if (binding.spec.kind === 'tcp') return this.#openRaw(listener, socket)
    if (listener.tls === null) return this.#open(listener, acceptPlain(socket))
    shakeHands(ctx, listener, listener.tls, socket, (accepted) => {
      if (accepted === null) ctx.counts.give(PLACE.connections)
      else this.#open(listener, accepted)
    })
  }

  #openRaw(listener: ClientListener, socket: Socket): void {
    const ctx = this.#ctx
    const raw = new RawConnection(ctx, listener, acceptPlain(socket), ctx.clientEvents, (gone) => {
      ctx.rawClients.delete(gone)
      ctx.counts.give(PLACE.connections)
    })
    if (!raw.isDestroyed) ctx.rawClients.add(raw)
  }

  /** The one place where a connection gets its protocol: by what the handshake agreed on, or in the clear by what the client says first. */
  #open(listener: ClientListener, accepted: Accepted): void {
    const ctx = this.#ctx
    const closed = (gone: ClientConnection): void => {
      ctx.clients.delete(gone)
      ctx.counts.give(PLACE.connections)
    }
    if (accepted.tls?.protocol === 'h2') {
      const wire = new Wire(accepted, ctx.readBuffer, UNHEARD)
      this.#speakHttp2(listener, wire, new ClientPeer(ctx, listener, accepted), closed)
      return
    }
    const client = new Http1Connection(
      ctx,
      listener,
      accepted,
      ctx.clientEvents,
      closed,
      (former, bytes, start, end) => {
        ctx.clients.delete(former)
        this.#speakHttp2(listener, former.wire, former.peer, closed).receive(bytes, start, end)
      },
    )
    ctx.clients.add(client)
  }

  /** A wire whose client speaks HTTP/2: by prior knowledge, or because ALPN has agreed on it. */
  #speakHttp2(
    listener: ClientListener,
    wire: Wire,
    peer: ClientPeer,
    closed: (gone: ClientConnection) => void,
  ): Http2Connection<Exchange> {
    const ctx = this.#ctx
    const client = new Http2Connection(ctx, listener, wire, peer, ctx.clientEvents, closed)
    ctx.clients.add(client)
    return client
  }

  #listenerOf(binding: ListenerBinding): ClientListener {
    const known = this.#listeners.get(binding)
    if (known !== undefined) return known
    const created = createListener(this.#ctx, binding)
    this.#listeners.set(binding, created)
    return created
  }
}

function createListener(ctx: WorkerContext, { spec, port }: ListenerBinding): ClientListener {
  const { totals } = ctx
  const isOnLoopback = isLoopback(spec.host) || spec.host === 'localhost'
  const rest = { id: spec.id, port, isLoopback: isOnLoopback, tls: null }
  switch (spec.kind) {
    case 'gateway': {
      const { proxyProtocol, tls = null } = spec
      const outside = { caller: '', service: '', route: '', edge: null, isPublic: true }
      return { ...rest, ...outside, proxyProtocol, tls }
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
