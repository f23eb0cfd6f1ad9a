import type { ReactNode } from 'react'
import { useState } from 'react'
import type { SessionView } from '../../api/keys.ts'
import { destroySession, loadSessions } from '../../api/keys.ts'
import { formatNoun } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone } from '../../ui/toasts.tsx'
import { useLatest } from './use-latest.ts'

/** Who holds locks, and for how long without a sign of life. */
export function SessionsPanel(): ReactNode {
  const [sessions, look] = useLatest(loadSessions)
  const [ending, setEnding] = useState<SessionView | null>(null)
  return (
    <section className="panel" aria-labelledby="sessions-heading">
      <div className="panel-head">
        <h2 id="sessions-heading">Sessions and locks</h2>
        {sessions !== null && (
          <span className="muted" data-testid="sessions-summary">
            {formatNoun(sessions.length, 'session')}
          </span>
        )}
      </div>
      {sessions === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : (
        <SessionTable sessions={sessions} end={setEnding} />
      )}
      {ending !== null && (
        <ConfirmDialog
          title={`End the session ${ending.name || ending.id.slice(0, 8)}?`}
          confirmText="End it"
          isDangerous
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            await destroySession(ending.id)
            toastDone('The session has ended')
            look()
          }}
        >
          <p>
            {formatNoun(ending.keys.length, 'key')} that it holds will be{' '}
            {ending.behavior === 'delete' ? 'deleted' : 'free'}; nobody can acquire them for{' '}
            {ending.lockDelayMs / 1_000} s. The client that holds it is not asked.
          </p>
        </ConfirmDialog>
      )}
    </section>
  )
}

function SessionTable(props: {
  readonly sessions: readonly SessionView[]
  readonly end: (session: SessionView) => void
}): ReactNode {
  if (props.sessions.length === 0) {
    return <p className="empty">No session: nobody holds a lock.</p>
  }
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">Node</th>
          <th scope="col">Holds</th>
          <th scope="col">Ends</th>
          <th scope="col">Then</th>
          <th scope="col" aria-label="Actions" />
        </tr>
      </thead>
      <tbody>
        {props.sessions.map((session) => (
          <tr key={session.id} data-testid={`session-${session.id}`}>
            <th scope="row" data-label="Session">
              <span className="stack">
                {session.name !== '' && <span>{session.name}</span>}
                <span className="mono muted">{session.id}</span>
              </span>
            </th>
            <td data-label="Node">{session.node}</td>
            <td className="mono" data-label="Holds">
              <Held keys={session.keys} />
            </td>
            <td data-label="Ends">{endOf(session)}</td>
            <td data-label="Then">
              {session.behavior === 'delete' ? 'its keys are deleted' : 'its keys are free'}
            </td>
            <td data-label="">
              <button
                type="button"
                className="button small quiet-danger"
                onClick={() => props.end(session)}
              >
                End…
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Held({ keys }: { readonly keys: readonly string[] }): ReactNode {
  if (keys.length === 0) return <span className="muted">nothing</span>
  return (
    <span className="stack">
      {keys.map((key) => (
        <a key={key} href={hrefOf({ page: 'keys', path: key })}>
          {key}
        </a>
      ))}
    </span>
  )
}

function endOf({ endsInMs, ttlMs }: SessionView): string {
  if (endsInMs === null) return 'when it is destroyed'
  return `in ${Math.ceil(endsInMs / 1_000)} s without a sign of life (TTL ${ttlMs / 1_000} s)`
}
