import type { ReactNode } from 'react'
import { useMemo } from 'react'
import { callerColumns, callersOf, latencyColumns, requestColumns } from '../../feed/series.ts'
import { useSystem } from '../../feed/store.ts'
import { formatLatency, formatRate } from '../../format.ts'
import { nodeName } from '../../ui/edge-rows.tsx'
import type { ChartSeries } from './chart-options.ts'
import { Chart } from './chart.tsx'

const CALLERS_MAX = 6

const REQUESTS: readonly ChartSeries[] = [
  { label: 'requests', color: '--series-1', isFilled: true },
  { label: 'errors', color: '--bad', isFilled: true },
]
const LATENCY: readonly ChartSeries[] = [
  { label: 'p50', color: '--series-3' },
  { label: 'p95', color: '--series-1' },
  { label: 'p99', color: '--series-2' },
]

/** The last ten minutes of a service: requests and errors, latency, callers. */
export function ServiceSeries({ service }: { readonly service: string }): ReactNode {
  const { ticks, edgeKeys } = useSystem()
  // Recomputed when an edge comes or goes; the rates inside the window are looked at then.
  const callers = useMemo(() => callersOf(ticks, service, CALLERS_MAX), [edgeKeys, service])
  const callerSeries = useMemo(
    () =>
      callers.map((caller, index) => ({ label: nodeName(caller), color: `--series-${index + 1}` })),
    [callers],
  )
  return (
    <div className="series-grid">
      <Chart
        title="Requests and errors a second"
        testId="chart-requests"
        series={REQUESTS}
        columns={requestColumns(ticks, service)}
        format={formatRate}
      />
      <Chart
        title="Latency"
        testId="chart-latency"
        series={LATENCY}
        columns={latencyColumns(ticks, service)}
        format={formatLatency}
      />
      <Chart
        title="Requests a second by caller"
        testId="chart-callers"
        series={callerSeries}
        columns={callerColumns(ticks, service, callers)}
        format={formatRate}
      />
    </div>
  )
}
