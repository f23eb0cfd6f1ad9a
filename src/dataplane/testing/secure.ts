import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { TestContext } from 'node:test'
import type { CertificateSpec, TlsSpec } from '../../contracts/certificates.ts'
import type { GatewaySpec } from '../../contracts/snapshot.ts'
import { tlsSpec } from './certificates.ts'
import type { LocalWorker } from './local-worker.ts'
import { startGateway } from './setup.ts'

function gatewayOf(tls: Partial<TlsSpec> = {}, proxyProtocol = false): Partial<GatewaySpec> {
  const listener = { kind: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol } as const
  return {
    listeners: [
      { ...listener, id: 'gateway', proxyProtocol: false },
      { ...listener, id: 'secure', tls: { ...tlsSpec, ...tls } },
    ],
  }
}

/** A worker with a listener `gateway` in the clear and one `secure` with TLS. */
export async function startSecure(
  t: TestContext,
  ports: readonly number[],
  options: {
    readonly tls?: Partial<TlsSpec>
    readonly certificates?: readonly CertificateSpec[]
    readonly gateway?: Partial<GatewaySpec>
    readonly proxyProtocol?: boolean
  } = {},
): Promise<LocalWorker> {
  const { tls = {}, certificates = [], proxyProtocol = false } = options
  const gateway = await startGateway(t, ports, {
    gateway: { ...gatewayOf(tls, proxyProtocol), ...options.gateway },
  })
  await gateway.update(certificates.map((certificate) => ({ op: 'certificate', certificate })))
  return gateway
}

/** A client that speaks TLS. */
export function dial(
  t: TestContext,
  gateway: LocalWorker,
  options: ConnectionOptions = {},
): TLSSocket {
  const socket = connect({
    port: gateway.port('secure'),
    host: '127.0.0.1',
    servername: 'shop.example',
    rejectUnauthorized: false,
    ...options,
  })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

/** The code of the error that ends it. */
export async function failureOf(socket: TLSSocket): Promise<string> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code ?? error.message
}

/** Resolves when it is closed; what comes meanwhile is thrown away. */
export function closing(socket: Socket): Promise<void> {
  socket.resume()
  return new Promise((done) => socket.on('close', () => done()))
}
