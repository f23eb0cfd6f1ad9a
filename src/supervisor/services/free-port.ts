import { createServer } from 'node:net'

/** Chooses ports for processes that take any. */
export interface PortChooser {
  /** A loopback port on which nobody listens now. Rejects when the machine has none left. */
  choose(): Promise<number>
}

/** A port that was given is not given again while its process may still be on its way to bind it. */
const RECENT_PORTS_MAX = 256
/** More attempts than there are recent ports cannot be needed while the machine has a free one. */
const ATTEMPTS_MAX = RECENT_PORTS_MAX + 16

/** Asks the kernel for a free port by binding 127.0.0.1:0, and remembers the last 256 that it gave. */
export function createPortChooser(probe: () => Promise<number> = probePort): PortChooser {
  const recent = new Set<number>()
  return {
    async choose() {
      for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
        const port = await probe()
        if (recent.has(port)) continue
        recent.add(port)
        const [oldest] = recent
        if (recent.size > RECENT_PORTS_MAX && oldest !== undefined) recent.delete(oldest)
        return port
      }
      throw new Error(`no free loopback port in ${ATTEMPTS_MAX} attempts`)
    },
  }
}

function probePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen({ host: '127.0.0.1', port: 0, exclusive: true }, () => {
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    server.close(() => resolve(port))
  })
  return promise
}
