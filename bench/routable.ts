/** From the registration over the admin API to routable by every worker, with 10,000 instances there: `node bench/routable.ts`. */
import { Agent, request } from 'node:http'
import { startBackplane } from '../test/harness/backplane.ts'
import { machineLine, markdownTable, percentile } from './measure.ts'

const INSTANCES = 10_000
const SERVICES = 100
const SAMPLES = 500
const PARALLEL = 16

const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL })

function put(admin: URL, service: string, id: string, port: number): Promise<number> {
  const body = JSON.stringify({ host: '127.0.0.1', port, ttl: '1h' })
  const startedMs = performance.now()
  return new Promise((done, fail) => {
    const outgoing = request(
      {
        agent,
        host: admin.hostname,
        port: admin.port,
        method: 'PUT',
        path: `/api/v1/services/${service}/instances/${id}`,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => {
          if ((response.statusCode ?? 500) >= 300) fail(new Error(`${response.statusCode} ${text}`))
          else done(performance.now() - startedMs)
        })
      },
    )
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

await using backplane = await startBackplane({
  config: 'listen: { default: off, gateway: 0, console: 0 }\ndiscovery: { perClient: 100000 }\n',
})
const admin = new URL(backplane.admin)
let next = 0
await Promise.all(
  Array.from({ length: PARALLEL }, async () => {
    while (next < INSTANCES) {
      const nth = next++
      await put(admin, `service-${nth % SERVICES}`, `i${nth}`, 1024 + (nth % 60_000))
    }
  }),
)
const times: number[] = []
for (let nth = 0; nth < SAMPLES; nth++)
  times.push(await put(admin, 'service-7', `late-${nth}`, 2000 + nth))
agent.destroy()
process.stdout.write(
  `${machineLine()}\n\n${markdownTable([
    ['registered (durable) to routable by every worker, 10,000 instances', 'ms', 'bar'],
    ['p50', percentile(times, 0.5).toFixed(2), ''],
    ['p99', percentile(times, 0.99).toFixed(2), '10'],
  ])}\n`,
)
