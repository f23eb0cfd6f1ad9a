import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MetricsState, ScrapeJob } from '../../../contracts/metrics-state.ts'
import { systemClock } from '../../../platform/clock.ts'
import type { RuleReport } from '../rules/rule-ground.ts'
import { MetricsHouse } from '../house.ts'
import { temporaryFolder } from '../store/testing/stores.ts'

/** Metrics with their API on a free port, in a temporary folder. */
export interface Served extends AsyncDisposable {
  readonly house: MetricsHouse
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  readonly state: MetricsState
  /** What was told of alerts. */
  readonly reports: readonly RuleReport[]
}

/** A state with a listener on any port. */
export const testState: MetricsState = {
  listen: { default: 'off', prometheus: { host: '127.0.0.1', port: 0 } },
  hosts: [],
  portBefore: 0,
  token: undefined,
  retention: { timeMs: 2 ** 45, bytesMax: 0, rules: [] },
  limits: { seriesMax: 100_000, labelValuesMax: 1_000, outOfOrderMs: 600_000 },
  query: { timeoutMs: 30_000, samplesMax: 1_000_000, lookbackMs: 300_000 },
  jobs: [],
  rules: [],
  externalUrl: 'http://localhost:4000',
}

/** Serves metrics until they are disposed of. */
export async function serveMetrics(more: Partial<MetricsState> = {}): Promise<Served> {
  const folder = temporaryFolder()
  const state = { ...testState, ...more }
  const reports: RuleReport[] = []
  const house = await MetricsHouse.open({
    folder: folder.path,
    seed: 1,
    state,
    clock: systemClock,
    log: () => {},
    changed: () => {},
    tellAlerts: (report) => void reports.push(report),
  })
  await house.apply(state)
  const [listener] = house.listeners()
  return {
    house,
    state,
    reports,
    url: `http://${listener?.address}`,
    async [Symbol.asyncDispose]() {
      await house.close()
      folder[Symbol.dispose]()
    },
  }
}

/** A job for one target. */
export function jobFor(address: string, more: Partial<ScrapeJob> = {}): ScrapeJob {
  return {
    name: 'job',
    scheme: 'http',
    path: '/metrics',
    intervalMs: 60_000,
    timeoutMs: 5_000,
    honorLabels: false,
    honorTimestamps: true,
    nativeHistograms: false,
    sampleLimit: 0,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    bodyBytesMax: 1_000_000,
    relabel: [],
    metricRelabel: [],
    targets: [{ address, labels: {} }],
    ...more,
  }
}

/** A target whose answer a test says. */
export interface FakeTarget extends AsyncDisposable {
  readonly address: string
  contentType: string
  body: string | Buffer
  status: number
  /** Header fields of the last request. */
  asked: Readonly<Record<string, unknown>>
}

/** Listens on a free port. */
export async function startTarget(): Promise<FakeTarget> {
  const server: Server = createServer((request, response) => {
    target.asked = request.headers
    response.writeHead(target.status, { 'content-type': target.contentType }).end(target.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const target: FakeTarget = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    contentType: 'text/plain; version=0.0.4',
    body: '',
    status: 200,
    asked: {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return target
}
