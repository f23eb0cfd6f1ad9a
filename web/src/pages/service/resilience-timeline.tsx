import type { ReactNode } from 'react'
import { formatDuration } from '../../format.ts'
import type { Span } from './resilience-text.ts'

/** As much as the charts show. */
const SHOWN_MS = 600_000
const WIDTH = 600
const ROW = 18

const KIND_TEXT = {
  open: 'open',
  'half-open': 'half open',
  ejected: 'left out',
  overloaded: 'overloaded',
} as const satisfies Record<Span['kind'], string>

/** One line for the service and for each instance that something happened to in the last ten minutes. */
export function ResilienceTimeline(props: {
  readonly spans: readonly Span[]
  readonly nowMs: number
}): ReactNode {
  const fromMs = props.nowMs - SHOWN_MS
  const shown = props.spans.filter(({ untilMs }) => untilMs > fromMs)
  const names = [...new Set(shown.map(({ instance }) => instance))].toSorted()
  if (names.length === 0) {
    return <p className="empty">No breaker has opened and no instance was left out lately.</p>
  }
  const x = (atMs: number): number =>
    ((Math.min(props.nowMs, Math.max(fromMs, atMs)) - fromMs) / SHOWN_MS) * WIDTH
  return (
    <div className="timeline" data-testid="resilience-timeline">
      {names.map((name) => (
        <div key={name} className="timeline-row" data-testid={`timeline-${name || 'service'}`}>
          <span className="timeline-name">{name || 'service'}</span>
          <svg viewBox={`0 0 ${WIDTH} ${ROW}`} preserveAspectRatio="none" aria-hidden="true">
            <rect className="timeline-ground" width={WIDTH} height={ROW} />
            {shown
              .filter(({ instance }) => instance === name)
              .map((span) => (
                <rect
                  key={`${span.kind} ${span.fromMs}`}
                  className={`span-${span.kind}`}
                  x={x(span.fromMs)}
                  width={Math.max(2, x(span.untilMs) - x(span.fromMs))}
                  height={ROW}
                >
                  <title>{titleOf(span, props.nowMs)}</title>
                </rect>
              ))}
          </svg>
        </div>
      ))}
      <p className="timeline-legend muted">
        {(['open', 'half-open', 'ejected', 'overloaded'] as const).map((kind) => (
          <span key={kind}>
            <i className={`key-${kind}`} /> {KIND_TEXT[kind]}
          </span>
        ))}
        <span>the last ten minutes</span>
      </p>
    </div>
  )
}

function titleOf({ kind, fromMs, untilMs, because }: Span, nowMs: number): string {
  const end = untilMs > nowMs ? ' until now' : ''
  const length = formatDuration(Math.min(untilMs, nowMs) - fromMs)
  return `${KIND_TEXT[kind]} for ${length}${end}: ${because}`
}
