// One of ours of a test: what comes over IPC goes to the test's socket as a line of JSON, and the other way round.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { systemClock } from '../../platform/clock.ts'
import { startHeartbeat } from '../../platform/heartbeat.ts'

const boot = JSON.parse(process.env.BACKPLANE_BOOT)
const socket = connect(boot.configFile)
const tell = (message) => socket.write(`${JSON.stringify(message)}\n`)

export function runOwn(name) {
  if (boot.overlay.includes(`${name}-dies`)) process.exit(9)
  startHeartbeat(systemClock, process)
  socket.on('error', () => process.exit(1))
  process.on('message', tell)
  process.on('disconnect', () => process.exit(0))
  if (boot.overlay.includes(`${name}-ignores-sigterm`)) process.on('SIGTERM', () => undefined)
  tell({ name, pid: process.pid, boot })
  const lines = createInterface({ input: socket })
  lines.on('error', () => process.exit(1))
  lines.on('line', (line) => {
    const message = JSON.parse(line)
    if (message.type === 'exit') process.exit(message.code)
    else if (message.type === 'print') process.stderr.write(message.text)
    else if (message.type === 'block') block()
    else process.send(message)
  })
}

/** For ever, and without a signal handler: what a deadlock or an endless loop is to its event loop. */
function block() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
