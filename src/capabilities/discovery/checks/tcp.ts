import { connect } from 'node:net'
import type { CheckAddress, Finding } from './finding.ts'

/** Passing when a connection is accepted; it is closed at once. */
export function runTcpCheck({ host, port }: CheckAddress, signal: AbortSignal): Promise<Finding> {
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const socket = connect({ host, port })
  const end = (finding: Finding) => {
    signal.removeEventListener('abort', abort)
    // A reset instead of FIN: a check every second must not leave sockets in TIME_WAIT.
    socket.resetAndDestroy()
    resolve(finding)
  }
  const abort = () => {
    socket.destroy()
    reject(new Error('aborted'))
  }
  signal.addEventListener('abort', abort, { once: true })
  socket.on('connect', () =>
    end({ status: 'passing', output: `${host}:${port} accepts connections` }),
  )
  socket.on('error', (error) => end({ status: 'critical', output: error.message }))
  return promise
}
