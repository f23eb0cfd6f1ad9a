import type { ReactNode } from 'react'
import { CALLER_SHARED } from '../../../src/contracts/callers.ts'
import type { EdgeTick } from '../../../src/contracts/feed.ts'
import { toneOfErrors } from '../feed/views.ts'
import { formatLatency, formatRate, formatShare } from '../format.ts'
import { hrefOf } from '../route.ts'

/** What the console says of callers that share a listener. */
export const SHARED_TEXT =
  'These services share one listener for each service that they call, so which of them called is not known. Name what each one calls (calls:) to tell them apart.'

/** The name under which an edge's end is shown. */
export function nodeName(service: string): string {
  if (service === '') return 'gateway'
  return service === CALLER_SHARED ? 'services (shared)' : service
}

/** Under which an edge is found in tests. */
export function edgeTestId({ caller, service }: Pick<EdgeTick, 'caller' | 'service'>): string {
  return `edge-${caller === CALLER_SHARED ? '@shared' : nodeName(caller)}-${nodeName(service)}`
}

/** Edges as a table; `columns` says which ends are named. */
export function EdgeRows(props: {
  readonly edges: readonly EdgeTick[]
  readonly columns: 'both' | 'caller' | 'service'
}): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          {props.columns !== 'service' && <th scope="col">Caller</th>}
          {props.columns !== 'caller' && <th scope="col">Calls</th>}
          <th scope="col" className="number">
            Requests
          </th>
          <th scope="col" className="number">
            Errors
          </th>
          <th scope="col" className="number wide-only">
            p50
          </th>
          <th scope="col" className="number">
            p95
          </th>
          <th scope="col" className="number wide-only">
            p99
          </th>
          <th scope="col" className="number">
            Retries
          </th>
        </tr>
      </thead>
      <tbody>
        {props.edges.map((edge) => (
          <EdgeRow key={`${edge.caller}>${edge.service}`} edge={edge} columns={props.columns} />
        ))}
      </tbody>
    </table>
  )
}

function EdgeRow(props: {
  readonly edge: EdgeTick
  readonly columns: 'both' | 'caller' | 'service'
}): ReactNode {
  const { edge } = props
  const testId = edgeTestId(edge)
  const isSilent = edge.requestsPerSecond === 0
  return (
    <tr className={isSilent ? 'is-silent' : ''}>
      {props.columns !== 'service' && (
        <th scope="row" data-label="Caller">
          <NodeLink service={edge.caller} />
        </th>
      )}
      {props.columns !== 'caller' && (
        <td data-label="Calls">
          <NodeLink service={edge.service} />
        </td>
      )}
      <td className="number" data-label="Requests" data-testid={`${testId}-rate`}>
        {formatRate(edge.requestsPerSecond)}
      </td>
      <td
        className={`number tone-text-${toneOfErrors(edge.errorRatio)}`}
        data-label="Errors"
        data-testid={`${testId}-errors`}
      >
        {formatShare(edge.errorRatio)}
      </td>
      <td className="number wide-only" data-label="p50">
        {isSilent ? '–' : formatLatency(edge.p50Ms)}
      </td>
      <td className="number" data-label="p95" data-testid={`${testId}-p95`}>
        {isSilent ? '–' : formatLatency(edge.p95Ms)}
      </td>
      <td className="number wide-only" data-label="p99">
        {isSilent ? '–' : formatLatency(edge.p99Ms)}
      </td>
      <td className="number" data-label="Retries">
        {formatRate(edge.retriesPerSecond)}
      </td>
    </tr>
  )
}

function NodeLink({ service }: { readonly service: string }): ReactNode {
  if (service === '') return <span>gateway</span>
  if (service === CALLER_SHARED) return <span title={SHARED_TEXT}>{nodeName(service)}</span>
  return <a href={hrefOf({ page: 'service', service })}>{service}</a>
}
