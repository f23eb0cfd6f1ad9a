import { connect, isIP, type Socket } from 'node:net'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { CheckTls } from '../check-spec.ts'
import type { CheckAddress, Finding } from './finding.ts'

/** Passing when a connection is accepted (and its handshake done, where TLS is asked for); it is closed at once. */
export async function runTcpCheck(
  { host, port }: CheckAddress,
  tls: CheckTls | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const place = formatHostPort({ host, port })
  const socket = tls === undefined ? connect({ host, port }) : await connectTls(host, port, tls)
  const end = (finding: Finding) => {
    signal.removeEventListener('abort', abort)
    // In order and not by a reset: many servers log a reset as an error, at every check. What waits for a minute on our side is one port a check.
    socket.destroy()
    resolve(finding)
  }
  const abort = () => {
    socket.destroy()
    reject(new Error('aborted'))
  }
  signal.addEventListener('abort', abort, { once: true })
  socket.on(tls === undefined ? 'connect' : 'secureConnect', () =>
    end({ status: 'passing', output: `${place} accepts connections` }),
  )
  socket.on('error', (error) => end({ status: 'critical', output: error.message }))
  return promise
}

async function connectTls(host: string, port: number, tls: CheckTls): Promise<Socket> {
  const { connect: connectSecurely } = await import('node:tls')
  const serverName = tls.serverName ?? (isIP(host) === 0 ? host : undefined)
  return connectSecurely({
    host,
    port,
    rejectUnauthorized: tls.skipVerify !== true,
    ...(serverName === undefined ? {} : { servername: serverName }),
  })
}
