import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { followLogs, type Found } from '../../api/logs.ts'
import { FoundDetail } from './found-detail.tsx'
import { FoundList } from './found-list.tsx'

/** Records that are kept on the page, the newest. */
const KEPT_MAX = 5_000

/** Records as they come, the newest on top. */
export function LiveTab(props: {
  readonly query: string
  /** Another search is watched from now on. */
  readonly onTerm: (field: string, value: string, isNot: boolean) => void
}): ReactNode {
  const { query, onTerm } = props
  const [rows, setRows] = useState<readonly Found[]>([])
  const [isPaused, setPaused] = useState(false)
  const [chosen, setChosen] = useState<Found | null>(null)
  useEffect(() => {
    if (isPaused) return undefined
    return followLogs(query, (records) =>
      setRows((before) => [...records.toReversed(), ...before].slice(0, KEPT_MAX)),
    )
  }, [query, isPaused])
  return (
    <>
      <div className="log-choices">
        <button
          type="button"
          className="button small"
          aria-pressed={isPaused}
          data-testid="live-pause"
          onClick={() => setPaused(!isPaused)}
        >
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <span className="muted" role="status">
          {isPaused
            ? 'What comes now is not shown here; a search finds it.'
            : `${rows.length} records have come`}
        </span>
      </div>
      <div className={`logs-body is-live${chosen === null ? '' : ' has-detail'}`}>
        <FoundList rows={rows} chosen={chosen} onChoose={setChosen} onEnd={() => {}} />
        {chosen !== null && (
          <FoundDetail row={chosen} onTerm={onTerm} onClose={() => setChosen(null)} />
        )}
      </div>
    </>
  )
}
