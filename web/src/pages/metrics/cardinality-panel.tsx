import type { ReactNode } from 'react'
import { type CountRows, loadStoreStatus } from '../../api/metrics.ts'
import { formatBytes } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { useLatest } from '../keys/use-latest.ts'

/** Which metric and which label explode. */
export function CardinalityPanel(): ReactNode {
  const [status] = useLatest(loadStoreStatus)
  if (status === null) return <div className="skeleton skeleton-row" aria-busy="true" />
  const number = (value: number): string => value.toLocaleString('en')
  return (
    <>
      <p className="note" data-testid="cardinality-summary">
        {number(status.headStats.numSeries)} series with {number(status.headStats.numLabelPairs)}{' '}
        pairs of a label and a value are in memory.
      </p>
      <div className="pair">
        <CountTable
          title="Series by metric"
          rows={status.seriesCountByMetricName}
          format={number}
          query={(name) => `count by (instance) ({__name__="${name}"})`}
        />
        <CountTable
          title="Values by label"
          rows={status.labelValueCountByLabelName}
          format={number}
          query={(name) => `topk(20, count by (__name__, ${name}) ({${name}!=""}))`}
        />
      </div>
      <div className="pair">
        <CountTable
          title="Series by label and value"
          rows={status.seriesCountByLabelValuePair}
          format={number}
        />
        <CountTable
          title="Memory by label"
          rows={status.memoryInBytesByLabelName}
          format={formatBytes}
        />
      </div>
    </>
  )
}

function CountTable(props: {
  readonly title: string
  readonly rows: CountRows
  readonly format: (value: number) => string
  readonly query?: (name: string) => string
}): ReactNode {
  const { title, rows, format, query } = props
  return (
    <section className="panel" aria-label={title}>
      <div className="panel-head">
        <h2>{title}</h2>
      </div>
      <table
        className="table"
        data-testid={`cardinality-${title.toLowerCase().replaceAll(' ', '-')}`}
      >
        <tbody>
          {rows.map(({ name, value }) => (
            <tr key={name}>
              <th scope="row" className="mono">
                {query === undefined ? (
                  name
                ) : (
                  <a href={hrefOf({ page: 'metrics', query: query(name), range: '1h' })}>{name}</a>
                )}
              </th>
              <td className="number">{format(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
