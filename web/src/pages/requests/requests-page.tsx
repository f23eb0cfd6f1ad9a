import type { ReactNode } from 'react'
import { useCallback, useEffect, useState } from 'react'
import { callerOf } from '../../../../src/contracts/callers.ts'
import type { RequestRecord } from '../../../../src/contracts/snapshot.ts'
import { loadRequest, loadRequests, loadTrace } from '../../api/actions.ts'
import { formatLatency, formatTime } from '../../format.ts'
import { hrefOf, openRoute } from '../../route.ts'
import { nodeName } from '../../ui/edge-rows.tsx'
import { toastError } from '../../ui/toasts.tsx'
import { RequestDetail } from './request-detail.tsx'

/** The latest requests, and the record of one. */
export function RequestsPage({ requestId }: { readonly requestId: string }): ReactNode {
  const latest = useLatest()
  return (
    <>
      <RequestSearch key={`search ${requestId}`} requestId={requestId} />
      {requestId !== '' && (
        <OneRequest
          key={`record ${requestId}`}
          requestId={requestId}
          known={latest.records ?? []}
        />
      )}
      <LatestRequests latest={latest} chosen={requestId} />
    </>
  )
}

function RequestSearch({ requestId }: { readonly requestId: string }): ReactNode {
  const [text, setText] = useState(requestId)
  return (
    <form
      className="request-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        openRoute({ page: 'requests', requestId: text.trim() })
      }}
    >
      <h1>Requests</h1>
      <input
        type="text"
        className="mono"
        placeholder="Request id, from the x-request-id header or a log line"
        aria-label="Request id"
        data-testid="request-id"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button primary">
        Tell its record
      </button>
    </form>
  )
}

/** A request and the calls that services made for it share one id: each known one is told, the outermost first; then what else is of its trace. */
function OneRequest(props: {
  readonly requestId: string
  readonly known: readonly RequestRecord[]
}): ReactNode {
  const { requestId } = props
  const [record, setRecord] = useState<RequestRecord | null | 'loading'>('loading')
  const [trace, setTrace] = useState<readonly RequestRecord[]>([])
  useEffect(() => {
    let isHere = true
    loadRequest(requestId).then(
      (found) => {
        if (!isHere) return
        setRecord(found)
        if (found === null || found.traceId === '') return
        loadTrace(found.traceId).then((records) => {
          if (isHere) setTrace(records)
        }, toastError)
      },
      (error: unknown) => {
        toastError(error)
        if (isHere) setRecord(null)
      },
    )
    return () => {
      isHere = false
    }
  }, [requestId])
  if (record === 'loading') return <div className="panel skeleton skeleton-map" aria-busy="true" />
  if (record === null) {
    return (
      <p className="panel empty" role="status" data-testid="request-unknown">
        No request <code>{requestId}</code> among the recent ones. The gateway remembers a bounded
        number of requests, newest first.
      </p>
    )
  }
  const others = trace.filter((one) => one.requestId !== requestId)
  return (
    <>
      {withSameId(record, [...trace, ...props.known]).map((one) => (
        <RequestDetail key={keyOf(one)} record={one} />
      ))}
      {others.length > 0 && (
        <section className="panel" aria-labelledby="trace-heading" data-testid="trace">
          <div className="panel-head">
            <h2 id="trace-heading">Of the same trace</h2>
          </div>
          <RequestTable records={others} chosen={requestId} />
        </section>
      )}
    </>
  )
}

interface Latest {
  /** Null before the first answer. */
  readonly records: readonly RequestRecord[] | null
  readonly onlyFailed: boolean
  readonly setOnlyFailed: (onlyFailed: boolean) => void
  readonly load: () => void
}

/** Asked for when the page opens, when the choice changes, and on demand: requests are not part of the feed. */
function useLatest(): Latest {
  const [onlyFailed, setOnlyFailed] = useState(true)
  const [records, setRecords] = useState<readonly RequestRecord[] | null>(null)
  const load = useCallback((): void => {
    loadRequests(onlyFailed).then(setRecords, (error: unknown) => {
      toastError(error)
      setRecords((before) => before ?? [])
    })
  }, [onlyFailed])
  useEffect(load, [load])
  return { records, onlyFailed, setOnlyFailed, load }
}

function LatestRequests(props: { readonly latest: Latest; readonly chosen: string }): ReactNode {
  const { records, onlyFailed, setOnlyFailed, load } = props.latest
  return (
    <section className="panel" aria-labelledby="latest-heading">
      <div className="panel-head">
        <h2 id="latest-heading">Latest</h2>
        <div className="segmented" role="group" aria-label="Which requests">
          <button
            type="button"
            aria-pressed={onlyFailed}
            data-testid="requests-failed"
            onClick={() => setOnlyFailed(true)}
          >
            Failed
          </button>
          <button
            type="button"
            aria-pressed={!onlyFailed}
            data-testid="requests-all"
            onClick={() => setOnlyFailed(false)}
          >
            All
          </button>
        </div>
        <button
          type="button"
          className="button small push-right"
          data-testid="requests-refresh"
          onClick={load}
        >
          Refresh
        </button>
      </div>
      {records === null && <div className="skeleton skeleton-map" aria-busy="true" />}
      {records?.length === 0 && (
        <p className="empty">
          {onlyFailed ? 'No failed request among the recent ones.' : 'No request yet.'}
        </p>
      )}
      {records !== null && records.length > 0 && (
        <RequestTable records={records} chosen={props.chosen} />
      )}
    </section>
  )
}

function RequestTable(props: {
  readonly records: readonly RequestRecord[]
  readonly chosen: string
}): ReactNode {
  return (
    <table className="table cards requests">
      <thead>
        <tr>
          <th scope="col">Request</th>
          <th scope="col">Time</th>
          <th scope="col">From</th>
          <th scope="col">To</th>
          <th scope="col" className="number">
            Status
          </th>
          <th scope="col">Reason</th>
          <th scope="col" className="number">
            Attempts
          </th>
          <th scope="col" className="number">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {props.records.map((record) => (
          <tr key={keyOf(record)} className={record.requestId === props.chosen ? 'is-chosen' : ''}>
            <th scope="row" data-label="Request">
              <a
                className="mono request-link"
                href={hrefOf({ page: 'requests', requestId: record.requestId })}
                data-testid={`request-${record.requestId}`}
                title={`${record.method} ${record.host}${record.target}`}
              >
                {record.method} {record.target}
              </a>
            </th>
            <td data-label="Time">{formatTime(record.startedAtMs)}</td>
            <td data-label="From">{fromOf(record)}</td>
            <td data-label="To">{record.service === '' ? '–' : nodeName(record.service)}</td>
            <td className={`number ${toneOfStatus(record.status)}`} data-label="Status">
              {record.status === 0 ? 'none' : record.status}
            </td>
            <td className="mono" data-label="Reason">
              {record.reason}
            </td>
            <td className="number" data-label="Attempts">
              {record.attempts.length}
            </td>
            <td className="number" data-label="Took">
              {formatLatency(record.durationMs)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function fromOf(record: RequestRecord): string {
  const caller = callerOf(record)
  return caller === '' ? record.client : nodeName(caller)
}

function toneOfStatus(status: number): string {
  if (status === 0 || status >= 500) return 'tone-text-bad'
  return status >= 400 ? 'tone-text-warning' : ''
}

function withSameId(
  record: RequestRecord,
  known: readonly RequestRecord[],
): readonly RequestRecord[] {
  const others = known.filter((one) => one.requestId === record.requestId)
  const each = new Map([record, ...others].map((one) => [keyOf(one), one]))
  return [...each.values()].slice(0, SAME_ID_MAX).toSorted((a, b) => a.startedAtMs - b.startedAtMs)
}

/** More records of one request than a person reads. */
const SAME_ID_MAX = 20

/** Calls through outbound listeners carry the request id on, so the id alone is not unique. */
function keyOf(record: RequestRecord): string {
  return `${record.requestId} ${record.listener} ${record.startedAtMs}`
}
