import { connect } from 'node:net'
import type { CheckAddress, Finding } from './finding.ts'

/** Passing when a connection is accepted; it is closed at once. */
export function runTcpCheck({ host, port }: CheckAddress, signal: AbortSignal): Promise<Finding> {
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  const socket = connect({ host, port })
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
  socket.on('connect', () =>
    end({ status: 'passing', output: `${host}:${port} accepts connections` }),
  )
  socket.on('error', (error) => end({ status: 'critical', output: error.message }))
  return promise
}
