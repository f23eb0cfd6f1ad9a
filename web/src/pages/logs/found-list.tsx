import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import { levelOf } from '../../../../src/mechanisms/log-query/severity.ts'
import type { Found } from '../../api/logs.ts'
import { formatDay, formatLatency, formatTime } from '../../format.ts'

/** Height of a row in pixels, as logs.css has it. */
const ROW_PX = 24
/** Rows that are drawn beyond what is seen. */
const MARGIN_ROWS = 20

/** Records in a list of any length: only what is seen is drawn. The text of a record is text, whatever it says. */
export function FoundList(props: {
  readonly rows: readonly Found[]
  readonly chosen: Found | null
  readonly onChoose: (row: Found) => void
  /** The end is near. */
  readonly onEnd: () => void
}): ReactNode {
  const { rows, chosen, onChoose, onEnd } = props
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  useEffect(() => {
    if (box.current !== null) setHeight(box.current.clientHeight)
  }, [])
  const first = Math.max(0, Math.floor(top / ROW_PX) - MARGIN_ROWS)
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW_PX) + MARGIN_ROWS)
  return (
    <div
      ref={box}
      className="found-list"
      role="list"
      aria-label="Records"
      tabIndex={0}
      data-testid="log-rows"
      onScroll={(event) => {
        const { scrollTop, clientHeight } = event.currentTarget
        setTop(scrollTop)
        setHeight(clientHeight)
        if ((rows.length - MARGIN_ROWS) * ROW_PX < scrollTop + clientHeight) onEnd()
      }}
    >
      <div className="found-space" style={{ height: rows.length * ROW_PX }}>
        {rows.slice(first, last).map((row, at) => (
          <FoundRow
            key={`${row.time} ${row.seq}`}
            row={row}
            top={(first + at) * ROW_PX}
            isChosen={chosen !== null && row.seq === chosen.seq && row.time === chosen.time}
            onChoose={onChoose}
          />
        ))}
      </div>
    </div>
  )
}

function FoundRow(props: {
  readonly row: Found
  readonly top: number
  readonly isChosen: boolean
  readonly onChoose: (row: Found) => void
}): ReactNode {
  const { row, top, isChosen, onChoose } = props
  const ms = row.time / 1_000
  const level = row.severity === undefined ? (row.status ?? '') : levelOf(row.severity)
  return (
    <div role="listitem" className="found-item" style={{ top }}>
      <button
        type="button"
        className={`found-row level-text-${level || 'none'}`}
        aria-pressed={isChosen}
        title={`${formatDay(ms)} ${formatTime(ms)}`}
        onClick={() => onChoose(row)}
      >
        <time dateTime={new Date(ms).toISOString()}>{formatTime(ms)}</time>
        <span className="found-level">{level}</span>
        <span className="found-service">{row.service}</span>
        <span className="found-body">{textOf(row)}</span>
      </button>
    </div>
  )
}

/** One line of it. */
function textOf({ body, name, duration, message }: Found): string {
  if (body !== undefined) return body.length > 2_000 ? `${body.slice(0, 2_000)}…` : body
  return [name, formatLatency((duration ?? 0) / 1e6), message]
    .filter((part) => part !== '')
    .join(' · ')
}
