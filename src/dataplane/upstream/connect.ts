import type { Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { connectSocket, readDirectly, type Received } from '../io/sockets.ts'
import type { UpstreamGround } from './ground.ts'
import type { Instance } from './instance.ts'
import { LOCAL_ERRORS, type StreamFailure } from './instance-stream.ts'

/** What a connection hears until it is open. */
export interface OpeningEvents {
  received: Received
  /** From here on what is sent goes out. */
  opened(): void
}

/** A connection to an instance that is being opened, in the clear or with TLS as its service says. */
export class InstanceSocket {
  readonly socket: Socket
  /** The instance has accepted: what fails from here to the opening is TLS. */
  #isAccepted = false
  readonly #isSecure: boolean

  /** `protocols` are offered by ALPN where TLS is spoken. */
  constructor(
    ground: UpstreamGround,
    instance: Instance,
    protocols: readonly string[],
    events: OpeningEvents,
  ) {
    const { host, port, service } = instance.spec
    // A name that is not known yet is looked up by the system, as a last resort.
    const address = ground.addresses.get(host) ?? host
    const name = instance.tlsName
    this.#isSecure = name !== null
    if (name === null) {
      this.socket = connectSocket(address, port, ground.readBuffer, events.received)
      this.socket.on('connect', () => events.opened())
      return
    }
    const options = ground.trust.optionsFor(instance, service, host, name, protocols)
    const { received } = events
    const onread = {
      buffer: ground.readBuffer,
      callback(length: number): boolean {
        received(length)
        return true
      },
    }
    const rest = { host: address, port, noDelay: true, allowHalfOpen: true, onread }
    const all: ConnectionOptions = { ...options, ...rest }
    const socket = connect(all)
    readDirectly(socket, received, null)
    this.socket = socket
    this.#follow(ground, instance, socket, events)
  }

  /** What kind of failure an error before the opening is. */
  failureOf(error: string): StreamFailure {
    if (LOCAL_ERRORS.has(error)) return 'local'
    return this.#isSecure && this.#isAccepted ? 'tls' : 'refused'
  }

  #follow(
    ground: UpstreamGround,
    instance: Instance,
    socket: TLSSocket,
    events: OpeningEvents,
  ): void {
    let isOpen = false
    socket.on('connect', () => (this.#isAccepted = true))
    const { service } = instance.spec
    const { trust } = ground
    const under = trust.of(service)
    socket.on('session', (session: Buffer) => trust.keepSession(instance, under, session))
    socket.on('secureConnect', () => {
      isOpen = true
      events.opened()
    })
    socket.on('close', () => {
      if (!isOpen) ground.trust.dropSession(instance)
    })
  }
}
