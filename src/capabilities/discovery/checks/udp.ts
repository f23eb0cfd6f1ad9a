import { createSocket, type SocketType } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { lookup } from 'node:dns/promises'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { UdpCheckSpec } from '../check-spec.ts'
import type { CheckAddress, CheckClock, Finding } from './finding.ts'

/** What is sent: most services answer nothing to it, and that is no failure. */
const DATAGRAM = 'backplane-check'
/** Silence for so long (or half of the timeout, where that is shorter) is passing: "unreachable" comes at once. */
const SILENCE_MS_MAX = 1_000

/** Sends a datagram. An answer and silence are passing, since UDP promises none; a port that is closed is critical. */
export async function runUdpCheck(
  { host, port }: CheckAddress,
  { timeoutMs }: Pick<UdpCheckSpec, 'timeoutMs'>,
  signal: AbortSignal,
  clock: CheckClock,
): Promise<Finding> {
  const place = formatHostPort({ host, port })
  const { address } = await lookup(host)
  if (signal.aborted) throw new Error('aborted')
  const type: SocketType = isIPv6(address) ? 'udp6' : 'udp4'
  const socket = createSocket(type)
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const abort = () => reject(new Error('aborted'))
  signal.addEventListener('abort', abort, { once: true })
  socket.on('error', (error) =>
    resolve({ status: 'critical', output: `${place}: ${error.message}` }),
  )
  socket.on('message', () => resolve({ status: 'passing', output: `${place} answers` }))
  // Connected: only then the system tells that the port is closed.
  socket.connect(port, address, () => {
    socket.send(DATAGRAM, (error) => {
      if (error !== null) resolve({ status: 'critical', output: `${place}: ${error.message}` })
    })
  })
  const cancel = clock.after(Math.min(SILENCE_MS_MAX, timeoutMs / 2), () =>
    resolve({ status: 'passing', output: `${place} takes datagrams` }),
  )
  try {
    return await promise
  } finally {
    cancel()
    signal.removeEventListener('abort', abort)
    socket.close()
  }
}
