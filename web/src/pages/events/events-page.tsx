import type { ReactNode } from 'react'
import { useCallback, useEffect, useState } from 'react'
import { ActionError } from '../../api/actions.ts'
import { loadStreams, type StreamList } from '../../api/events.ts'
import { hrefOf } from '../../route.ts'
import { useLatest } from '../keys/use-latest.ts'
import { GroupsPanel } from './groups-panel.tsx'
import { StreamPanel } from './stream-panel.tsx'

/** Streams by name, the events of one of them or of all, and who consumes them. `stream` is '' for all. */
export function EventsPage({ stream }: { readonly stream: string }): ReactNode {
  const [prefix, setPrefix] = useState('')
  const [list] = useLatest(useCallback(() => loadOrNone(prefix), [prefix]))
  // The other panels ask only once it is known that there is a store; while another beginning is looked for they stay.
  const [isThere, setIsThere] = useState(false)
  useEffect(() => {
    if (list !== null) setIsThere(list !== 'none')
  }, [list])
  return (
    <>
      <h1 className="hidden-text">Events</h1>
      <section className="panel" aria-labelledby="streams-heading">
        <div className="panel-head">
          <h2 id="streams-heading">Streams</h2>
          <input
            className="text-input mono push-right"
            aria-label="Beginning of the name"
            placeholder="order-"
            value={prefix}
            maxLength={1_000}
            onChange={(event) => setPrefix(event.target.value)}
            data-testid="stream-prefix"
          />
        </div>
        {list === null && <div className="skeleton skeleton-row" aria-busy="true" />}
        {list === 'none' && (
          <p className="empty" data-testid="events-missing">
            There is no event store. Write <code>{'events: {}'}</code> into the file to have one; if
            it is there, its process is being started.
          </p>
        )}
        {list !== null && list !== 'none' && <StreamTable list={list} chosen={stream} />}
      </section>
      {isThere && <StreamPanel key={stream} stream={stream} />}
      {isThere && <GroupsPanel />}
    </>
  )
}

/** A system without events answers 503, which is no error of anybody. */
async function loadOrNone(prefix: string): Promise<StreamList | 'none'> {
  try {
    return await loadStreams(prefix)
  } catch (error) {
    if (error instanceof ActionError && error.status === 503) return 'none'
    throw error
  }
}

function StreamTable(props: { readonly list: StreamList; readonly chosen: string }): ReactNode {
  const { streams, end } = props.list
  if (streams.length === 0) {
    return <p className="empty">No stream of this name. {end} events in all.</p>
  }
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Stream</th>
          <th scope="col" className="number">
            Last revision
          </th>
        </tr>
      </thead>
      <tbody>
        {streams.map(({ name, head }) => (
          <tr key={name} data-testid={`stream-${name}`}>
            <th scope="row" className="mono" data-label="Stream">
              <a
                href={hrefOf({ page: 'events', stream: name })}
                aria-current={name === props.chosen ? 'true' : undefined}
              >
                {name}
              </a>
            </th>
            <td className="number" data-label="Last revision">
              {head}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
