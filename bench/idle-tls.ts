/**
 * What idle HTTPS connections cost: `node bench/idle-tls.ts [connections]`. Each has made its handshake, agreed on HTTP/2, had one answer, and says nothing
 * more. Memory of the data process (PSS) a connection; the kernel's part is not in it. Prints a Markdown table for BENCHMARKS.md.
 */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { startBackplane } from '../test/harness/backplane.ts'
import { machineLine, markdownTable, pssBytes } from './measure.ts'

const COUNT = Number(process.argv[2] ?? 10_000)
const AT_ONCE = 50
const BAR_KIB = 60

await using backplane = await startBackplane({
  config: `
name: idle
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
gateway:
  workers: 1
  hosts: ["*"]
  limits: { idleTimeout: 1h }
  routes: [{ path: /**, respond: { status: 200, body: ok } }]
tls: local
`,
})
const port = Number(new URL(`https://${backplane.ready.listen['gateway-tls']}`).port)
const { data } = backplane.ready.pids
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))

/** Preface, empty SETTINGS, and GET / of stream 1 (RFC 9113 section 3.4; names by the static table of RFC 7541). */
const HEADERS = Buffer.from([0x82, 0x87, 0x84, 0x41, 9, ...Buffer.from('localhost')])
const OPENING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, HEADERS.length, 1, 5, 0, 0, 0, 1]),
  HEADERS,
])
const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0])

/** Open, answered, and silent from here on. */
async function open(): Promise<TLSSocket> {
  const options = { port, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'] }
  const socket = connect({ ...options, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(OPENING)
  let text = ''
  // The body is the last that comes.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString('latin1')
    if (text.endsWith('ok')) break
  }
  socket.write(SETTINGS_ACK)
  socket.resume()
  return socket
}

const sockets: TLSSocket[] = []
async function openMany(count: number): Promise<void> {
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, open)
    sockets.push(...(await Promise.all(some)))
  }
}

// The first ones bring what all share.
await openMany(500)
await pause(3_000)
const before = pssBytes(data)
await openMany(COUNT)
const atOnce = (pssBytes(data) - before) / COUNT / 1_024
await pause(20_000)
const later = (pssBytes(data) - before) / COUNT / 1_024
const alive = sockets.filter((socket) => !socket.destroyed).length
for (const socket of sockets) socket.destroy()
process.stdout.write(
  `${machineLine()}\n\n${markdownTable([
    [`${COUNT} idle connections of TLS 1.3 and HTTP/2`, 'KiB each', 'bar'],
    ['when the last is open', atOnce.toFixed(1), ''],
    ['twenty seconds later', later.toFixed(1), `less than ${BAR_KIB}`],
  ])}\n\n${alive} of ${COUNT + 500} are open\n`,
)
