import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Open connections of one HTTP listener. */
export const LISTENER_CONNECTIONS_MAX = 2_000
/** Connections of one address that have not said what they want, or are between two requests. */
export const SILENT_PER_ADDRESS_MAX = 256

export interface ConnectionLimits {
  readonly connectionsMax: number
  readonly silentPerAddressMax: number
}

/** What a listener has open, and what it had to close. */
export interface ConnectionCounts {
  readonly open: number
  /** Closed while silent, so that another one finds room. */
  readonly closedSilent: number
  /** Refused because every other connection was at work. */
  readonly refused: number
}

/**
 * Bounds the connections of a server so that silence costs nobody else anything: a connection without a complete request head
 * counts as silent, and where there are too many, in all or of one address, the one that has been silent longest is closed. A new
 * client is refused only when all others are at work.
 */
export function boundConnections(
  server: Server,
  limits: ConnectionLimits = {
    connectionsMax: LISTENER_CONNECTIONS_MAX,
    silentPerAddressMax: SILENT_PER_ADDRESS_MAX,
  },
): () => ConnectionCounts {
  const silent = createSilentSet()
  /** Requests under way of each connection: a client may send several at once. */
  const atWork = new WeakMap<Socket, number>()
  let open = 0
  let closedSilent = 0
  let refused = 0

  function closeOldest(socket: Socket | undefined): boolean {
    if (socket === undefined) return false
    silent.delete(socket)
    socket.destroy()
    closedSilent++
    return true
  }

  server.on('connection', (socket) => {
    if (open >= limits.connectionsMax && !closeOldest(silent.oldest())) {
      refused++
      socket.destroy()
      return
    }
    open++
    silent.add(socket)
    socket.on('close', () => {
      open--
      silent.delete(socket)
    })
    const ofAddress = silent.of(socket)
    if (ofAddress.size > limits.silentPerAddressMax) closeOldest(first(ofAddress))
  })
  // Complete heads: what follows is bounded by the time and the size of a request.
  server.on('request', ({ socket }, response) => {
    silent.delete(socket)
    atWork.set(socket, (atWork.get(socket) ?? 0) + 1)
    response.on('close', () => {
      const left = (atWork.get(socket) ?? 1) - 1
      atWork.set(socket, left)
      if (left === 0 && !socket.destroyed) silent.add(socket)
    })
  })
  return () => ({ open, closedSilent, refused })
}

/** Sockets in the order in which they fell silent, also by their address. */
function createSilentSet() {
  const all = new Set<Socket>()
  const byAddress = new Map<string, Set<Socket>>()
  const addresses = new WeakMap<Socket, string>()
  const addressOf = (socket: Socket): string => {
    const address = addresses.get(socket) ?? socket.remoteAddress ?? ''
    addresses.set(socket, address)
    return address
  }
  return {
    oldest: () => first(all),
    of: (socket: Socket): ReadonlySet<Socket> => byAddress.get(addressOf(socket)) ?? new Set(),
    add(socket: Socket): void {
      const address = addressOf(socket)
      const ofAddress = byAddress.get(address) ?? new Set()
      byAddress.set(address, ofAddress.add(socket))
      all.add(socket)
    },
    delete(socket: Socket): void {
      if (!all.delete(socket)) return
      const address = addressOf(socket)
      const ofAddress = byAddress.get(address)
      ofAddress?.delete(socket)
      if (ofAddress?.size === 0) byAddress.delete(address)
    },
  }
}

function first(sockets: ReadonlySet<Socket>): Socket | undefined {
  return sockets.values().next().value
}
