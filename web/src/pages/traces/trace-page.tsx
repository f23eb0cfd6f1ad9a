import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { loadTraceOf, type Found } from '../../api/logs.ts'
import { formatLatency, formatNoun, formatTime } from '../../format.ts'
import { hrefOf, openRoute } from '../../route.ts'
import { toastError } from '../../ui/toasts.tsx'
import { FoundDetail } from '../logs/found-detail.tsx'
import { FoundList } from '../logs/found-list.tsx'
import { addTerm, formatLogsView, parseLogsView } from '../logs/log-route.ts'
import { waterfallOf, type WaterfallRow } from './waterfall.ts'

/** Everything else that has this value, or has not. */
function openSearch(of: Found, field: string, value: string, isNot: boolean): void {
  const signal = of.body === undefined ? 'spans' : 'logs'
  const query = addTerm('', field, value, isNot)
  openRoute({ page: 'logs', view: formatLogsView({ ...parseLogsView(''), signal, query }) })
}

interface Loaded {
  readonly spans: readonly Found[]
  readonly logs: readonly Found[]
}

/** One trace: its spans over time, and what was logged meanwhile. */
export function TracePage({ trace }: { readonly trace: string }): ReactNode {
  const [loaded, setLoaded] = useState<Loaded | null>(null)
  const [chosen, setChosen] = useState<Found | null>(null)
  useEffect(() => {
    let isHere = true
    loadTraceOf(trace).then(
      (found) => {
        if (isHere) setLoaded(found)
      },
      (error: unknown) => {
        toastError(error)
        if (isHere) setLoaded({ spans: [], logs: [] })
      },
    )
    return () => {
      isHere = false
    }
  }, [trace])
  if (loaded === null) return <div className="panel skeleton skeleton-map" aria-busy="true" />
  const { spans, logs } = loaded
  const view = formatLogsView({ ...parseLogsView(''), query: `trace:${trace}` })
  return (
    <section className="panel" aria-labelledby="trace-heading">
      <div className="panel-head">
        <h1 id="trace-heading" className="mono">
          {trace}
        </h1>
        <span className="muted">
          {formatNoun(spans.length, 'span')}, {formatNoun(logs.length, 'log record')}
        </span>
        <a href={hrefOf({ page: 'logs', view })}>Search its records</a>
      </div>
      {spans.length === 0 && logs.length === 0 ? (
        <p className="empty" role="status">
          Nothing is known of this trace: it may be older than what is kept, or was never sent here.
        </p>
      ) : (
        <>
          <Waterfall rows={waterfallOf(spans)} chosen={chosen} onChoose={setChosen} />
          {chosen !== null && (
            <FoundDetail
              row={chosen}
              onTerm={(field, value, isNot) => openSearch(chosen, field, value, isNot)}
              onClose={() => setChosen(null)}
            />
          )}
          {logs.length > 0 && (
            <>
              <h2 className="trace-logs">Logs of this trace</h2>
              <div className="logs-body is-live">
                <FoundList rows={logs} chosen={chosen} onChoose={setChosen} onEnd={() => {}} />
              </div>
            </>
          )}
        </>
      )}
    </section>
  )
}

function Waterfall(props: {
  readonly rows: readonly WaterfallRow[]
  readonly chosen: Found | null
  readonly onChoose: (span: Found) => void
}): ReactNode {
  return (
    <ol className="waterfall" aria-label="Spans" data-testid="waterfall">
      {props.rows.map(({ span, depth, start, width, isCritical }) => (
        <li key={span.seq}>
          <button
            type="button"
            className={`waterfall-row${span.status === 'error' ? ' is-failed' : ''}${isCritical ? ' is-critical' : ''}`}
            aria-pressed={props.chosen === span}
            title={`${formatTime(span.time / 1_000)}${isCritical ? ', on the critical path' : ''}`}
            onClick={() => props.onChoose(span)}
          >
            <span className="waterfall-name" style={{ paddingLeft: Math.min(depth, 12) * 14 }}>
              <strong>{span.service}</strong> {span.name}
            </span>
            <span className="waterfall-lane">
              <span
                className="waterfall-bar"
                style={{ left: `${start * 100}%`, width: `${Math.max(width * 100, 0.3)}%` }}
              />
            </span>
            <span className="waterfall-took">{formatLatency((span.duration ?? 0) / 1e6)}</span>
          </button>
        </li>
      ))}
    </ol>
  )
}
