import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { CheckTls } from '../check-spec.ts'
import type { CheckAddress, Finding } from './finding.ts'

/** Connects over HTTP/2 and sends a PING (RFC 9113 section 6.7): passing when it is answered. */
export async function runH2PingCheck(
  place: CheckAddress,
  tls: CheckTls | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const { connect } = await import('node:http2')
  if (signal.aborted) throw new Error('aborted')
  const at = formatHostPort(place)
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${at}`, {
    rejectUnauthorized: tls?.skipVerify !== true,
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  })
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const abort = () => reject(new Error('aborted'))
  signal.addEventListener('abort', abort, { once: true })
  const fail = (why: string) => resolve({ status: 'critical', output: `HTTP2 ping ${at}: ${why}` })
  session.on('error', (error) => fail(error.message))
  session.on('close', () => fail('the connection was closed'))
  session.on('connect', () => {
    // Given up in the same turn.
    if (session.destroyed) return
    const isSent = session.ping((error) => {
      if (error === null) resolve({ status: 'passing', output: `HTTP2 ping ${at}: answered` })
      else fail(error.message)
    })
    if (!isSent) fail('it could not be sent')
  })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
  }
}
