import { createServer, type Server, type Socket } from 'node:net'
import type { ListenerBinding, ListenerError } from '../threads/messages.ts'
import { explainListenError } from './probe.ts'

/** Connections that the kernel holds until we accept them. */
const LISTEN_BACKLOG = 4096

/** Called with each accepted connection, paused, and the binding of its listener as it is now. */
export type Accept = (binding: ListenerBinding, socket: Socket) => void

/** The open ports of one worker, shared with the other workers by the kernel (SO_REUSEPORT). */
export interface Listeners {
  /**
   * Opens what is new, closes what is not wanted any more, gives what stays its new settings; connections are not touched.
   * Resolves when all are open, with those that could not be.
   */
  apply(bindings: readonly ListenerBinding[]): Promise<readonly ListenerError[]>
  /** Closes those that `isClosed` chooses. */
  close(isClosed: (binding: ListenerBinding) => boolean): void
}

interface OpenPort {
  server: Server
  binding: ListenerBinding
}

export function openListeners(accept: Accept): Listeners {
  /** By `address:port`: a listener that changes its name or kind keeps its socket. */
  const open = new Map<string, OpenPort>()

  function openOne(key: string, address: string, binding: ListenerBinding): Promise<string> {
    const opened = Promise.withResolvers<string>()
    const listener: OpenPort = {
      server: createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }),
      binding,
    }
    listener.server.on('connection', (socket) => accept(listener.binding, socket))
    listener.server.on('error', (error) => {
      if (open.get(key) === listener) open.delete(key)
      opened.resolve(explainListenError(error, address, binding.port))
    })
    open.set(key, listener)
    listener.server.listen(
      { host: address, port: binding.port, reusePort: true, backlog: LISTEN_BACKLOG },
      () => opened.resolve(''),
    )
    return opened.promise
  }

  async function openAddress(
    binding: ListenerBinding,
    index: number,
  ): Promise<ListenerError | undefined> {
    const address = binding.addresses[index]!
    const key = `${address}:${binding.port}`
    const known = open.get(key)
    if (known !== undefined) {
      known.binding = binding
      return undefined
    }
    const error = await openOne(key, address, binding)
    // ::1 is missing on machines without IPv6, and that is no fault.
    return error === '' || index > 0 ? undefined : { id: binding.spec.id, error }
  }

  return {
    async apply(bindings) {
      const wanted = new Set(
        bindings.flatMap((binding) =>
          binding.addresses.map((address) => `${address}:${binding.port}`),
        ),
      )
      for (const [key, listener] of open) {
        if (wanted.has(key)) continue
        open.delete(key)
        listener.server.close()
      }
      const openings = bindings.flatMap((binding) =>
        binding.addresses.map((_, index) => openAddress(binding, index)),
      )
      const errors = await Promise.all(openings)
      return errors.filter((error) => error !== undefined)
    },
    close(isClosed) {
      for (const [key, listener] of open) {
        if (!isClosed(listener.binding)) continue
        open.delete(key)
        listener.server.close()
      }
    },
  }
}
