import type { ReactNode } from 'react'
import { useSystem } from '../../feed/store.ts'
import { hrefOf, openRoute, type Route } from '../../route.ts'
import { EventList } from './event-list.tsx'
import { useTimeline } from './use-timeline.ts'

/** What an event can be about, as the filter offers it. */
const KINDS = [
  'start',
  'end',
  'crash',
  'health',
  'registration',
  'ejection',
  'scale',
  'operator',
  'configuration',
  'system',
] as const

type TimelineRoute = Extract<Route, { page: 'timeline' }>

/** What happened, newest first: of everything, of one service, of one kind. */
export function TimelinePage({ route }: { readonly route: TimelineRoute }): ReactNode {
  const { service, kind } = route
  const { services } = useSystem()
  const timeline = useTimeline(service, kind)
  return (
    <section className="panel" aria-labelledby="timeline-heading">
      <div className="panel-head">
        <h1 id="timeline-heading">Timeline</h1>
        <label className="field-inline">
          Service
          <select
            data-testid="timeline-service"
            value={service}
            onChange={(event) => openRoute({ ...route, service: event.target.value })}
          >
            <option value="">all</option>
            {[...new Set([...services.keys(), ...(service === '' ? [] : [service])])].map(
              (name) => (
                <option key={name}>{name}</option>
              ),
            )}
          </select>
        </label>
        <label className="field-inline">
          Kind
          <select
            data-testid="timeline-kind"
            value={kind}
            onChange={(event) => openRoute({ ...route, kind: event.target.value })}
          >
            <option value="">all</option>
            {KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
      </div>
      <Events timeline={timeline} />
    </section>
  )
}

/** The last events of one service, on its page. */
export function ServiceTimeline({ service }: { readonly service: string }): ReactNode {
  const { events } = useTimeline(service, '')
  return (
    <section className="panel" aria-labelledby="events-heading">
      <div className="panel-head">
        <h2 id="events-heading">What happened</h2>
        <a href={hrefOf({ page: 'timeline', service, kind: '' })}>all</a>
      </div>
      {events === null || events.length === 0 ? (
        <p className="empty">Nothing that is still known.</p>
      ) : (
        <EventList events={events.slice(0, 12)} of={service} />
      )}
    </section>
  )
}

function Events({ timeline }: { readonly timeline: ReturnType<typeof useTimeline> }): ReactNode {
  const { events, hasMore, loadMore } = timeline
  if (events === null) return <div className="skeleton skeleton-map" aria-busy="true" />
  if (events.length === 0) {
    return (
      <p className="empty" data-testid="timeline-empty">
        Nothing of this has happened, as far as is known. The newest 5,000 events are kept, also
        over restarts.
      </p>
    )
  }
  return (
    <>
      <EventList events={events} />
      {hasMore && (
        <p className="timeline-more">
          <button type="button" className="button" data-testid="timeline-more" onClick={loadMore}>
            Older ones
          </button>
        </p>
      )}
    </>
  )
}
