import type { TcpOptions, UdpOptions } from './opening.ts'
import { ListenerTakenError } from './taken-error.ts'
import { openTcp, type Opened, type OpenOptions } from './tcp.ts'
import { openUdp } from './udp.ts'

/** Where any port will do, so many are tried until one is free for both. */
const FREE_PORT_TRIES = 20

/** Opens a UDP and a TCP listener at the same port. Throws `ListenerTakenError`; then neither is open. */
export async function openUdpAndTcp(
  at: OpenOptions,
  udp: UdpOptions,
  tcp: TcpOptions,
): Promise<Opened> {
  for (let tries = 1; ; tries++) {
    const connections = await openTcp(at, tcp)
    try {
      return join(connections, await openUdp({ ...at, port: connections.port }, udp))
    } catch (error) {
      await connections.close()
      const mayTryAgain = at.port === 0 && tries < FREE_PORT_TRIES
      if (!(error instanceof ListenerTakenError) || !mayTryAgain) throw error
    }
  }
}

function join(connections: Opened, datagrams: Opened): Opened {
  return {
    host: connections.host,
    port: connections.port,
    connectionCount: () => connections.connectionCount(),
    refused() {
      const counts = new Map(Object.entries(connections.refused()))
      for (const [limit, count] of Object.entries(datagrams.refused())) {
        counts.set(limit, count + (counts.get(limit) ?? 0))
      }
      return Object.fromEntries(counts)
    },
    async close() {
      await Promise.all([connections.close(), datagrams.close()])
    },
  }
}
