import type { ReactNode } from 'react'
import { useCallback, useState } from 'react'
import { loadGroups, loadParked, replayParked, type GroupView } from '../../api/events.ts'
import { formatNoun } from '../../format.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone } from '../../ui/toasts.tsx'
import { useLatest } from '../keys/use-latest.ts'

/** Groups of competing consumers: how far each is behind, and what it could not handle. */
export function GroupsPanel(): ReactNode {
  const [groups] = useLatest(loadGroups)
  const [chosen, setChosen] = useState<GroupView | null>(null)
  if (groups === null) return null
  return (
    <section className="panel" aria-labelledby="groups-heading">
      <div className="panel-head">
        <h2 id="groups-heading">Groups of consumers</h2>
        <span className="muted">{formatNoun(groups.length, 'group')}</span>
      </div>
      {groups.length === 0 ? (
        <p className="empty">No group: nobody competes for events.</p>
      ) : (
        <GroupTable groups={groups} choose={setChosen} />
      )}
      {chosen !== null && <Parked group={chosen} close={() => setChosen(null)} />}
    </section>
  )
}

function GroupTable(props: {
  readonly groups: readonly GroupView[]
  readonly choose: (group: GroupView) => void
}): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Group</th>
          <th scope="col">Stream</th>
          <th scope="col">Consumers</th>
          <th scope="col" className="number">
            Lag
          </th>
          <th scope="col" className="number">
            In flight
          </th>
          <th scope="col" className="number">
            Oldest
          </th>
          <th scope="col" className="number">
            Parked
          </th>
        </tr>
      </thead>
      <tbody>
        {props.groups.map((group) => (
          <tr key={`${group.stream} ${group.name}`} data-testid={`group-${group.name}`}>
            <th scope="row" data-label="Group">
              <span className="stack">
                <span>{group.name}</span>
                <span className="muted">{group.failure || group.settings.strategy}</span>
              </span>
            </th>
            <td className="mono" data-label="Stream">
              {group.stream}
            </td>
            <td data-label="Consumers">
              {group.consumers.map(({ name }) => name).join(', ') || 'none'}
            </td>
            <td className="number" data-label="Lag">
              {group.lag}
            </td>
            <td className="number" data-label="In flight">
              {group.inFlight}
            </td>
            <td className="number" data-label="Oldest">
              {Math.round(group.oldestUnhandledMs / 1_000)} s
            </td>
            <td className="number" data-label="Parked">
              {group.parked === 0 ? (
                0
              ) : (
                <button
                  type="button"
                  className="button small"
                  data-testid={`parked-${group.name}`}
                  onClick={() => props.choose(group)}
                >
                  {group.parked}
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Parked(props: { readonly group: GroupView; readonly close: () => void }): ReactNode {
  const { stream, name } = props.group
  const [parked] = useLatest(useCallback(() => loadParked(stream, name), [stream, name]))
  return (
    <ConfirmDialog
      title={`What ${name} could not handle`}
      confirmText="Deliver again"
      isDangerous={false}
      onClose={props.close}
      onConfirm={async () => {
        await replayParked(stream, name)
        toastDone('Parked events are delivered again')
      }}
    >
      <ul data-testid="parked-list">
        {(parked ?? []).map(({ revision, of, reason, event }) => (
          <li key={revision}>
            <span className="mono">{of}</span> {event?.type ?? 'no longer there'}: {reason}
          </li>
        ))}
      </ul>
    </ConfirmDialog>
  )
}
