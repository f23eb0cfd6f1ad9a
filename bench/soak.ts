/** Memory over minutes at full load: `node bench/soak.ts [MINUTES]` (needs wrk). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { startBackplane } from '../test/harness/backplane.ts'
import { machineLine, markdownTable, pssBytes } from './measure.ts'

const minutes = Number(process.argv[2] ?? 10)
const SAMPLE_MS = 10_000

const backend = createServer((socket) => {
  socket.on('error', () => {})
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`
  socket.on('data', () => socket.write(answer))
}).listen(0, '127.0.0.1')
await once(backend, 'listening')
const { port } = backend.address() as AddressInfo
await using backplane = await startBackplane({
  config: `listen: { default: off, gateway: 0, console: 0 }\nservices: { back: { at: ["127.0.0.1:${port}"] } }\ngateway: { routes: [{ path: /**, to: back }] }\n`,
})
const wrk = spawn('wrk', ['-t1', '-c64', `-d${minutes * 60}s`, `${backplane.gateway}/x`])
const ended = new Promise((done) => wrk.on('exit', done))
let report = ''
wrk.stdout.setEncoding('utf8').on('data', (text: string) => (report += text))
const samples: { readonly control: number; readonly data: number }[] = []
const timer = setInterval(() => {
  const { control, data } = backplane.ready.pids
  samples.push({ control: pssBytes(control), data: pssBytes(data) })
}, SAMPLE_MS)
await ended
clearInterval(timer)
backend.close()

/** Least squares over the second half: bytes a minute. */
function slope(values: readonly number[]): number {
  const half = values.slice(Math.floor(values.length / 2))
  const meanX = (half.length - 1) / 2
  const meanY = half.reduce((sum, value) => sum + value, 0) / half.length
  const up = half.reduce((sum, value, at) => sum + (at - meanX) * (value - meanY), 0)
  const down = half.reduce((sum, _value, at) => sum + (at - meanX) ** 2, 0)
  return (up / Math.max(1, down)) * (60_000 / SAMPLE_MS)
}

const row = (name: 'control' | 'data') => {
  const values = samples.map((sample) => sample[name])
  const at = (index: number) => ((values.at(index) ?? 0) / 1e6).toFixed(1)
  return [name, at(Math.floor(values.length / 2)), at(-1), (slope(values) / 1e6).toFixed(2)]
}
process.stdout.write(
  `${machineLine()}\n\n${markdownTable([
    [
      `PSS over ${minutes} minutes at full load`,
      'MB at half time',
      'MB at the end',
      'MB a minute, second half',
    ],
    row('control'),
    row('data'),
  ])}\n\n${report}\n`,
)
