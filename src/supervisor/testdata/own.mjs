// Control or data of a test: what comes over IPC goes to the test's socket as a line of JSON, and the other way round.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const boot = JSON.parse(process.env.BACKPLANE_BOOT)
const socket = connect(boot.configFile)
const tell = (message) => socket.write(`${JSON.stringify(message)}\n`)

export function runOwn(name) {
  if (boot.overlay.includes(`${name}-dies`)) process.exit(9)
  socket.on('error', () => process.exit(1))
  process.on('message', tell)
  process.on('disconnect', () => process.exit(0))
  if (boot.overlay.includes(`${name}-ignores-sigterm`)) process.on('SIGTERM', () => undefined)
  tell({ name, pid: process.pid })
  const lines = createInterface({ input: socket })
  lines.on('error', () => process.exit(1))
  lines.on('line', (line) => {
    const message = JSON.parse(line)
    if (message.type === 'exit') process.exit(message.code)
    else if (message.type === 'print') process.stderr.write(message.text)
    else process.send(message)
  })
}
