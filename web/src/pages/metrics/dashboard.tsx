import type { ReactNode } from 'react'
import { useFeed } from '../../feed/store.ts'
import { formatBytes } from '../../format.ts'
import { openRoute } from '../../route.ts'
import { formatNumber } from './names.ts'
import { RangeChart } from './range-chart.tsx'
import { RangePicker } from './range-picker.tsx'
import { useRange } from './use-range.ts'

interface Graph {
  readonly title: string
  readonly query: string
  /** The label that tells its series apart. */
  readonly by: string
  readonly format: (value: number) => string
}

/** What every service is looked at by: rate, errors, duration; then what its processes use. */
function graphsOf(service: string): readonly Graph[] {
  const of = `service="${service}"`
  const quantile = (share: number) =>
    `label_replace(histogram_quantile(${share}, sum by (le) (rate(backplane_gateway_request_duration_seconds_bucket{${of}}[2m]))), "quantile", "p${share * 100}", "", "")`
  const process = (name: string) => `sum by (instance) (${name})`
  return [
    {
      title: 'Requests a second by status',
      query: `sum by (status) (rate(backplane_gateway_requests_total{${of}}[2m]))`,
      by: 'status',
      format: formatNumber,
    },
    {
      title: 'Share of failed requests',
      query: `(sum(rate(backplane_gateway_requests_total{${of},status="5xx"}[2m])) or vector(0)) / sum(rate(backplane_gateway_requests_total{${of}}[2m]))`,
      by: '',
      format: (value) => `${formatNumber(value * 100)} %`,
    },
    {
      title: 'Duration',
      query: `${quantile(0.5)} or ${quantile(0.95)} or ${quantile(0.99)}`,
      by: 'quantile',
      format: (value) => `${formatNumber(value * 1_000)} ms`,
    },
    {
      title: 'CPU, share of a core',
      query: process(`rate(backplane_processes_cpu_seconds_total{${of}}[2m])`),
      by: 'instance',
      format: (value) => `${formatNumber(value * 100)} %`,
    },
    {
      title: 'Memory',
      query: process(`backplane_processes_resident_bytes{${of}}`),
      by: 'instance',
      format: formatBytes,
    },
    {
      title: 'Crashes in ten minutes',
      query: process(`increase(backplane_processes_restarts_total{${of}}[10m])`),
      by: 'instance',
      format: formatNumber,
    },
  ]
}

/** A dashboard that nobody had to make. Its service and its time are in the address. */
export function Dashboard(props: { readonly service: string; readonly range: string }): ReactNode {
  const names = useFeed((now) => [...(now.system?.services.keys() ?? [])].join(' '))
  const services = names === '' ? [] : names.split(' ')
  const service = props.service === '' ? (services[0] ?? '') : props.service
  const { range } = props
  const go = (next: string, nextRange: string): void =>
    openRoute({ page: 'dashboard', service: next, range: nextRange })
  return (
    <>
      <div className="panel panel-head">
        <label>
          Service{' '}
          <select
            className="text-input"
            value={service}
            onChange={(event) => go(event.target.value, range)}
            data-testid="dashboard-service"
          >
            {services.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <RangePicker range={range} onPick={(next) => go(service, next)} />
      </div>
      {service !== '' && (
        <div className="series-grid">
          {graphsOf(service).map((graph) => (
            <GraphPanel
              key={graph.query}
              graph={graph}
              range={range}
              onZoom={(fromS, toS) => go(service, `${fromS}-${toS}`)}
            />
          ))}
        </div>
      )}
    </>
  )
}

function GraphPanel(props: {
  readonly graph: Graph
  readonly range: string
  readonly onZoom: (fromS: number, toS: number) => void
}): ReactNode {
  const { graph, range } = props
  const { series, times } = useRange(graph.query, range)
  return (
    <section className="panel chart" aria-label={graph.title}>
      <div className="panel-head">
        <h2>
          <a href={`#/metrics/${encodeURIComponent(graph.query)}/${range}`}>{graph.title}</a>
        </h2>
      </div>
      <RangeChart
        series={series ?? []}
        times={times}
        nameOf={({ metric }) => metric[graph.by] ?? 'all'}
        format={graph.format}
        height={170}
        testId={`graph-${graph.title.split(/[ ,]/)[0]?.toLowerCase() ?? ''}`}
        onZoom={props.onZoom}
      />
    </section>
  )
}
