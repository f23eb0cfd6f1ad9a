/** The ingest of logs in a process of its own, as telemetry has it: for bench/logs.ts. Argument: folder. */
import { LogsHouse } from '../../src/capabilities/logs/house.ts'
import type { LogsState } from '../../src/contracts/logs-state.ts'
import { systemClock } from '../../src/platform/clock.ts'

const WEEK_MS = 7 * 86_400_000
const state: LogsState = {
  listen: {
    default: 'off',
    elasticsearch: { host: '127.0.0.1', port: 0 },
    'otlp-http': { host: '127.0.0.1', port: 0 },
  },
  portsBefore: {},
  hosts: [],
  token: undefined,
  retention: { logsMs: WEEK_MS, spansMs: WEEK_MS, bytesMax: 0, rules: [] },
  redact: { secrets: true, rules: [] },
  memory: { waitingMax: 64 * 1024 * 1024, queryBytesMax: 384 * 1024 * 1024 },
  query: { timeoutMs: 120_000 },
  gateway: { spansPerSecond: 0 },
}
const house = await LogsHouse.open({
  folder: process.argv[2] ?? '',
  clock: systemClock,
  log: () => {},
  metricsSink: () => undefined,
  changed: () => {},
  state,
})
await house.apply(state)
process.on('message', (wanted) => {
  if (wanted === 'usage') {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage.rss() })
  }
})
process.on('disconnect', () => process.exit(0))
process.send?.(Object.fromEntries(house.listeners().map(({ name, address }) => [name, address])))
