import type { ReactNode } from 'react'
import { callerOf } from '../../../../src/contracts/callers.ts'
import type { RequestRecord, AttemptRecord } from '../../../../src/contracts/snapshot.ts'
import { formatBytes, formatLatency, formatTime } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { CodeLink } from '../../ui/code-link.tsx'
import { nodeName } from '../../ui/edge-rows.tsx'
import { barsOf } from './attempt-bars.ts'

/** What happened to one request, and which line of the configuration decided it. */
export function RequestDetail({ record }: { readonly record: RequestRecord }): ReactNode {
  const isBad = record.status === 0 || record.status >= 500
  return (
    <section className="panel record" aria-labelledby="record-heading" data-testid="record">
      <div className="panel-head">
        <h2 id="record-heading" className="mono">
          {record.method} {record.host}
          {record.target}
        </h2>
        <span
          className={`badge tone-${isBad ? 'bad' : record.status >= 400 ? 'warning' : 'good'}`}
          data-testid="record-status"
        >
          {record.status === 0 ? 'no answer' : record.status}
        </span>
        <CodeLink code={record.reason} />
      </div>
      {record.detail !== '' && <p className="record-detail">{record.detail}</p>}
      {record.hasDefect && (
        <p className="record-detail tone-text-bad" data-testid="record-defect">
          Backplane itself failed while it served this request: its log says more.
        </p>
      )}
      <Decisions record={record} />
      <Policies record={record} />
      <Attempts record={record} />
    </section>
  )
}

function Decisions({ record }: { readonly record: RequestRecord }): ReactNode {
  const caller = callerOf(record)
  const from = caller === '' ? record.client : `${nodeName(caller)} (${record.client})`
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['Request id', <code key="id">{record.requestId}</code>],
    ['Trace', record.traceId === '' ? '' : <TraceIds record={record} />],
    ['Began', `${formatTime(record.startedAtMs)}, took ${formatLatency(record.durationMs)}`],
    ['From', `${from}, at listener ${record.listener}, worker ${record.worker}`],
    ['Protocol', record.protocol],
    [
      'Route',
      withSource(
        record.route || (caller === '' ? 'no route matched' : 'outbound listener'),
        record.routeSource,
      ),
    ],
    [
      'Service',
      record.service === '' ? (
        ''
      ) : (
        <>
          <a href={hrefOf({ page: 'service', service: record.service })}>{record.service}</a>
          <Source text={record.serviceSource} />
        </>
      ),
    ],
    ['Balancing', record.algorithm],
    ['Queue', queueText(record)],
    ['Bytes', `${formatBytes(record.requestBytes)} in, ${formatBytes(record.responseBytes)} out`],
    ['Snapshot', `version ${record.version}`],
  ]
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-testid={`record-${name.toLowerCase().replace(' ', '-')}`}>{value}</dd>
          </div>
        ))}
    </dl>
  )
}

/** The trace, the gateway's span in it, and the span of who called. */
function TraceIds({ record }: { readonly record: RequestRecord }): ReactNode {
  return (
    <>
      <a href={hrefOf({ page: 'trace', trace: record.traceId })} data-testid="record-trace">
        <code>{record.traceId}</code>
      </a>
      <span className="source">{record.isSampled ? 'sampled' : 'not sampled'}</span>
      <br />
      span <code data-testid="record-span">{record.spanId}</code>
      {record.parentSpanId !== '' && (
        <>
          {' '}
          below <code data-testid="record-parent">{record.parentSpanId}</code>
        </>
      )}
    </>
  )
}

/** Nobody waits for a connection where no instance is asked. */
function queueText({ queueMs, attempts }: RequestRecord): string {
  if (queueMs > 0) return `waited ${formatLatency(queueMs)} for a connection`
  return attempts.length === 0 ? '' : 'did not wait for a connection'
}

/** What each policy decided, in the order in which they ran. */
function Policies({ record }: { readonly record: RequestRecord }): ReactNode {
  if (record.policies.length === 0) return null
  return (
    <>
      <div className="attempts-head">
        <h3>Policies</h3>
      </div>
      <ol className="policies" data-testid="record-policies">
        {record.policies.map(({ policy, decision }, index) => (
          <li key={`${policy}-${index}`} data-testid={`policy-${index}`}>
            <strong>{policy}</strong> <span>{decision}</span>
          </li>
        ))}
      </ol>
    </>
  )
}

function Attempts({ record }: { readonly record: RequestRecord }): ReactNode {
  const bars = barsOf(record)
  if (record.attempts.length === 0)
    return <p className="empty">No instance was tried: the gateway answered itself.</p>
  return (
    <>
      <div className="attempts-head">
        <h3>Attempts</h3>
        <ul className="legend">
          <li>
            <span className="swatch bar-connect" />
            connect
          </li>
          <li>
            <span className="swatch bar-wait" />
            wait for the head
          </li>
          <li>
            <span className="swatch bar-body" />
            body
          </li>
        </ul>
      </div>
      <ol className="attempts">
        {record.attempts.map((one, index) => (
          <Try key={`${one.instance}-${one.startedMs}`} one={one} index={index} bar={bars[index]} />
        ))}
      </ol>
    </>
  )
}

function Try(props: {
  readonly one: AttemptRecord
  readonly index: number
  readonly bar: ReturnType<typeof barsOf>[number] | undefined
}): ReactNode {
  const { one, bar } = props
  const isGood = one.outcome === 'answered' && one.status < 500
  return (
    <li className="attempt" data-testid={`attempt-${props.index}`}>
      <div className="attempt-head">
        <strong>{one.instance}</strong> <span className="mono muted">{one.address}</span>
        <span
          className={isGood ? 'tone-text-ok' : 'tone-text-bad'}
          data-testid={`attempt-${props.index}-outcome`}
        >
          {one.outcome}
          {one.status > 0 && ` ${one.status}`}
        </span>
      </div>
      {bar !== undefined && (
        <div className="bar-track" aria-hidden="true">
          <span className="bar-connect" style={spanOf(bar.start, bar.connect)} />
          <span
            className={isGood ? 'bar-wait' : 'bar-wait is-bad'}
            style={spanOf(bar.start + bar.connect, bar.wait)}
          />
          <span className="bar-body" style={spanOf(bar.start + bar.connect + bar.wait, bar.body)} />
        </div>
      )}
      <p className="muted">
        {one.choice !== '' && `${one.choice}; `}
        {one.candidates} to choose from{one.excluded > 0 && `, ${one.excluded} left out`}; began at{' '}
        {formatLatency(one.startedMs)}
        {connectionText(one)}
        {one.answeredMs > 0 && `, answered at ${formatLatency(one.answeredMs)}`}
      </p>
    </li>
  )
}

/** A kept connection is there from the begin of the attempt. */
function connectionText({ startedMs, connectedMs, answeredMs }: AttemptRecord): string {
  if (connectedMs > startedMs) return `, connected at ${formatLatency(connectedMs)}`
  return answeredMs > 0 ? ' on a connection that was open' : ''
}

function spanOf(start: number, share: number): { readonly left: string; readonly width: string } {
  return { left: `${start * 100}%`, width: `${share * 100}%` }
}

function withSource(text: string, source: string): ReactNode {
  return (
    <>
      {text}
      <Source text={source} />
    </>
  )
}

function Source({ text }: { readonly text: string }): ReactNode {
  return text === '' ? null : <span className="source">{text}</span>
}
