import { createServer } from 'node:net'
import type { ListenerSpec } from '../../contracts/snapshot.ts'

/** The addresses that a listener's host stands for: both loopbacks where it says localhost. */
export function addressesOf(spec: ListenerSpec): readonly string[] {
  return spec.host === 'localhost' ? ['127.0.0.1', '::1'] : [spec.host]
}

/** A port that nobody listens on, or why it cannot be had. */
export type Probe =
  | { readonly port: number; readonly error: '' }
  | { readonly port: number; readonly error: string }

/**
 * Opens and closes the port exclusively. `reusePort`, with which the workers share it, would let a second program take it silently.
 * With port 0 the system chooses one.
 */
export function probePort(host: string, port: number): Promise<Probe> {
  const probed = Promise.withResolvers<Probe>()
  const server = createServer()
  server.on('error', (error: NodeJS.ErrnoException) =>
    probed.resolve({ port, error: explainListenError(error, host, port) }),
  )
  server.listen({ host, port, exclusive: true }, () => {
    const address = server.address()
    const found = typeof address === 'object' && address !== null ? address.port : port
    server.close(() => probed.resolve({ port: found, error: '' }))
  })
  return probed.promise
}

/** One sentence for the operator. */
export function explainListenError(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${host}:${port} is taken by another program`
    case 'EACCES':
      return `no permission to open ${host}:${port}`
    case 'EADDRNOTAVAIL':
      return `${host} is no address of this machine`
    case undefined:
    default:
      return `${host}:${port} cannot be opened: ${error.message}`
  }
}
