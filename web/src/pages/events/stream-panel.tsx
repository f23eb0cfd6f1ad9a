import type { ReactNode } from 'react'
import { useCallback, useState } from 'react'
import { loadEvents, positionAt, type EventView } from '../../api/events.ts'
import { hrefOf } from '../../route.ts'
import { useLatest } from '../keys/use-latest.ts'

/** The newest events of a stream or of all, or those up to a revision, a position or a time: a look into the past. */
export function StreamPanel({ stream }: { readonly stream: string }): ReactNode {
  const [from, setFrom] = useState('end')
  const [text, setText] = useState('')
  const [page] = useLatest(useCallback(() => loadEvents(stream, from), [stream, from]))
  const travel = async (): Promise<void> => {
    if (/^\d+$/.test(text)) setFrom(text)
    else if (text === '') setFrom('end')
    else setFrom(String(Math.max((await positionAt(text)) - 1, 0)))
  }
  return (
    <section className="panel" aria-labelledby="events-heading">
      <div className="panel-head">
        <h2 id="events-heading">{stream === '' ? 'All events' : stream}</h2>
        {stream !== '' && <a href={hrefOf({ page: 'events', stream: '' })}>all events</a>}
        <form
          className="new-key push-right"
          onSubmit={(event) => {
            event.preventDefault()
            travel().catch(() => setFrom('end'))
          }}
        >
          <input
            className="text-input mono"
            aria-label="Up to"
            placeholder={stream === '' ? 'position or 2026-11-29T12:00Z' : 'revision'}
            value={text}
            maxLength={40}
            onChange={(event) => setText(event.target.value)}
            data-testid="events-until"
          />
          <button type="submit" className="button small" data-testid="events-travel">
            Up to
          </button>
        </form>
      </div>
      {page === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : (
        <EventTable events={page.events} hasStream={stream === ''} />
      )}
    </section>
  )
}

function EventTable(props: {
  readonly events: readonly EventView[]
  readonly hasStream: boolean
}): ReactNode {
  const { events, hasStream } = props
  const [open, setOpen] = useState<number | null>(null)
  if (events.length === 0) return <p className="empty">No event yet.</p>
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Type</th>
          {hasStream && <th scope="col">Stream</th>}
          <th scope="col" className="number">
            Revision
          </th>
          <th scope="col" className="number">
            Position
          </th>
          <th scope="col">At</th>
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <EventRow
            key={event.position}
            event={event}
            hasStream={hasStream}
            isOpen={open === event.position}
            toggle={() => setOpen(open === event.position ? null : event.position)}
          />
        ))}
      </tbody>
    </table>
  )
}

function EventRow(props: {
  readonly event: EventView
  readonly hasStream: boolean
  readonly isOpen: boolean
  readonly toggle: () => void
}): ReactNode {
  const { event, hasStream, isOpen } = props
  return (
    <>
      <tr data-testid={`event-${event.position}`}>
        <th scope="row" data-label="Type">
          <button
            type="button"
            className="button small mono"
            aria-expanded={isOpen}
            onClick={props.toggle}
          >
            {event.type}
          </button>
        </th>
        {hasStream && (
          <td className="mono" data-label="Stream">
            <a href={hrefOf({ page: 'events', stream: event.stream })}>{event.stream}</a>
          </td>
        )}
        <td className="number" data-label="Revision">
          {event.revision}
        </td>
        <td className="number" data-label="Position">
          {event.position}
        </td>
        <td data-label="At">
          <time dateTime={event.at}>{event.at.replace('T', ' ').replace('Z', '')}</time>
        </td>
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={hasStream ? 5 : 4}>
            <pre className="mono" data-testid="event-data">
              {JSON.stringify(
                { id: event.id, data: event.data ?? event.dataBase64, metadata: event.metadata },
                null,
                2,
              )}
            </pre>
          </td>
        </tr>
      )}
    </>
  )
}
