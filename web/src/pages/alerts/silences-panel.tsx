import type { ReactNode } from 'react'
import { useState } from 'react'
import { endSilence, loadSilences, makeSilence, type SilenceView } from '../../api/alerts.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { openRoute } from '../../route.ts'
import { toastDone, toastError } from '../../ui/toasts.tsx'
import { useLatest } from '../keys/use-latest.ts'

const DURATIONS = [
  ['30 minutes', 30],
  ['2 hours', 120],
  ['8 hours', 480],
  ['1 day', 1_440],
  ['1 week', 10_080],
] as const

/** Silences, and a form for a new one; its matchers come from the address. */
export function SilencesPanel({ silencing }: { readonly silencing: string }): ReactNode {
  const [silences, look] = useLatest(loadSilences)
  return (
    <>
      <SilenceForm key={silencing} first={silencing} onMade={look} />
      <section className="panel" aria-labelledby="silences-heading">
        <div className="panel-head">
          <h2 id="silences-heading">Silences</h2>
          {silences !== null && (
            <span className="muted" data-testid="silences-summary">
              {formatNoun(silences.filter(({ state }) => state === 'active').length, 'silence')} in
              force
            </span>
          )}
        </div>
        {silences === null ? (
          <div className="skeleton skeleton-row" aria-busy="true" />
        ) : (
          <SilenceTable silences={silences} look={look} />
        )}
      </section>
    </>
  )
}

function SilenceForm(props: { readonly first: string; readonly onMade: () => void }): ReactNode {
  const [matchers, setMatchers] = useState(props.first)
  const [minutes, setMinutes] = useState('120')
  const [createdBy, setCreatedBy] = useState('')
  const [comment, setComment] = useState('')
  const make = async (): Promise<void> => {
    await makeSilence({
      matchers: matchers.split('\n').filter((line) => line.trim() !== ''),
      endsAtMs: Date.now() + Number(minutes) * 60_000,
      createdBy,
      comment,
    })
    toastDone('The silence is in force')
    setComment('')
    openRoute({ page: 'alerts', tab: 'silences', silencing: '' })
    props.onMade()
  }
  return (
    <section className="panel" aria-labelledby="silence-heading">
      <div className="panel-head">
        <h2 id="silence-heading">New silence</h2>
      </div>
      <form
        className="form-grid"
        onSubmit={(event) => {
          event.preventDefault()
          make().catch(toastError)
        }}
      >
        <label>
          Matchers, one a line
          <textarea
            className="text-input mono"
            rows={4}
            spellCheck={false}
            placeholder={'service="payments"\nalertname=~"Slo.*"'}
            value={matchers}
            onChange={(event) => setMatchers(event.target.value)}
            data-testid="silence-matchers"
          />
        </label>
        <label>
          For
          <select
            className="text-input"
            value={minutes}
            onChange={(event) => setMinutes(event.target.value)}
            data-testid="silence-for"
          >
            {DURATIONS.map(([text, value]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Who
          <input
            className="text-input"
            value={createdBy}
            onChange={(event) => setCreatedBy(event.target.value)}
            data-testid="silence-who"
          />
        </label>
        <label>
          Why
          <input
            className="text-input"
            value={comment}
            onChange={(event) => setComment(event.target.value)}
            data-testid="silence-why"
          />
        </label>
        <button type="submit" className="button" data-testid="silence-make">
          Silence
        </button>
      </form>
    </section>
  )
}

function SilenceTable(props: {
  readonly silences: readonly SilenceView[]
  readonly look: () => void
}): ReactNode {
  if (props.silences.length === 0) return <p className="empty">No silence.</p>
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Silences</th>
          <th scope="col">State</th>
          <th scope="col">Ends</th>
          <th scope="col">By</th>
          <th scope="col" aria-label="Actions" />
        </tr>
      </thead>
      <tbody>
        {props.silences.map((silence) => (
          <tr key={silence.id} data-testid={`silence-${silence.state}`}>
            <th scope="row" className="mono" data-label="Silences">
              {silence.matchers.join(', ')}
            </th>
            <td data-label="State">
              <span className={silence.state === 'active' ? 'badge tone-good' : 'badge'}>
                {silence.state}
              </span>
            </td>
            <td data-label="Ends" title={new Date(silence.endsAtMs).toLocaleString()}>
              {silence.state === 'expired'
                ? `${formatDuration(Date.now() - silence.endsAtMs)} ago`
                : `in ${formatDuration(silence.endsAtMs - Date.now())}`}
            </td>
            <td data-label="By">
              <span className="stack">
                <span>{silence.createdBy || '–'}</span>
                <span className="muted">{silence.comment}</span>
              </span>
            </td>
            <td data-label="">
              {silence.state !== 'expired' && (
                <button
                  type="button"
                  className="button small quiet-danger"
                  onClick={() => {
                    endSilence(silence.id).then(() => {
                      toastDone('The silence is over')
                      props.look()
                    }, toastError)
                  }}
                >
                  End
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
