import type { ReactNode } from 'react'
import type { TimelineEvent } from '../../../../src/contracts/timeline.ts'
import { formatDay, formatTime } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { StateDot } from '../../ui/state.tsx'

const TONES = { info: 'quiet', warning: 'warning', error: 'bad' } as const

/** Events, newest first, with a heading for each day. */
export function EventList(props: {
  readonly events: readonly TimelineEvent[]
  /** The page is about this service: its name is not repeated. */
  readonly of?: string
}): ReactNode {
  const { events, of } = props
  return (
    <ol className="timeline" data-testid="timeline">
      {events.map((event, index) => {
        const day = formatDay(event.atMs)
        const before = events[index - 1]
        const isNewDay = before !== undefined && formatDay(before.atMs) !== day
        return (
          <li key={event.seq} data-testid={`event-${event.seq}`}>
            {isNewDay && <p className="timeline-day">{day}</p>}
            <EventRow event={event} of={of ?? ''} />
          </li>
        )
      })}
    </ol>
  )
}

function EventRow({
  event,
  of,
}: {
  readonly event: TimelineEvent
  readonly of: string
}): ReactNode {
  const { atMs, severity, kind, text, detail } = event
  const what = (
    <>
      <time className="mono muted" dateTime={new Date(atMs).toISOString()} title={formatDay(atMs)}>
        {formatTime(atMs)}
      </time>
      <StateDot tone={TONES[severity]} />
      <span className="timeline-text">
        <About event={event} of={of} /> {text}
      </span>
      <span className="chip">{kind}</span>
    </>
  )
  if (detail === undefined) return <div className="timeline-row">{what}</div>
  return (
    <details>
      <summary className="timeline-row">{what}</summary>
      <pre className="timeline-detail">{detail}</pre>
    </details>
  )
}

/** Most ids of instances begin with the name of their service, which is then not said twice. */
function About({ event, of }: { readonly event: TimelineEvent; readonly of: string }): ReactNode {
  const { service, instance } = event
  const href = hrefOf({ page: 'service', service })
  if (service === of) return <span className="mono">{instance}</span>
  if (instance.startsWith(`${service}-`)) {
    return (
      <a className="mono" href={href}>
        {instance}
      </a>
    )
  }
  return (
    <>
      <a href={href}>{service}</a> <span className="mono">{instance}</span>
    </>
  )
}
