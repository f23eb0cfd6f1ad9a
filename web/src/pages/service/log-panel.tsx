import type { ReactNode } from 'react'
import { memo, useEffect, useRef, useState } from 'react'
import type { OutputLine } from '../../../../src/contracts/supervisor.ts'
import { backoffMs } from '../../feed/connection.ts'
import { formatNoun, formatTime } from '../../format.ts'
import type { LogMessage, LogState } from './log-lines.ts'
import { addLines, filterLines, NO_LINES } from './log-lines.ts'

/** The last lines of a service, live; the view stays where the reader has scrolled to. */
export function LogPanel({ service }: { readonly service: string }): ReactNode {
  const log = useLog(service)
  const [filter, setFilter] = useState('')
  const [paused, setPaused] = useState<LogState | null>(null)
  const shown = paused ?? log
  const lines = filterLines(shown.lines, filter)
  const waiting = paused === null ? 0 : countSince(log.lines, paused.lines.at(-1))
  const box = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (box.current !== null && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])
  return (
    <section className="panel" aria-labelledby="log-heading">
      <div className="panel-head">
        <h2 id="log-heading">Output</h2>
        {shown.dropped > 0 && (
          <span className="tone-text-warning" data-testid="log-dropped">
            {formatNoun(shown.dropped, 'line')} dropped
          </span>
        )}
        <div className="log-tools">
          <input
            type="search"
            placeholder="Filter"
            aria-label="Filter the lines"
            data-testid="log-filter"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setFilter('')
            }}
          />
          <button
            type="button"
            className="button small"
            aria-pressed={paused !== null}
            data-testid="log-pause"
            onClick={() => setPaused(paused === null ? log : null)}
          >
            {paused === null ? 'Pause' : `Go on${waiting > 0 ? ` (${waiting})` : ''}`}
          </button>
        </div>
      </div>
      <div
        ref={box}
        className="log"
        role="log"
        aria-live="off"
        aria-label={`Output of ${service}`}
        tabIndex={0}
        data-testid="log"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 24
        }}
      >
        {lines.map((line) => (
          <Line key={`${line.process}-${line.seq}-${line.atMs}`} line={line} />
        ))}
        {lines.length === 0 && (
          <p className="muted">
            {filter === '' ? 'No output yet.' : 'No line contains this text.'}
          </p>
        )}
      </div>
    </section>
  )
}

const Line = memo(function Line({ line }: { readonly line: OutputLine }): ReactNode {
  return (
    <div className={`log-line log-${line.stream}`} data-testid="log-line">
      <time>{formatTime(line.atMs)}</time>
      <span className="log-process">{line.process}</span>
      <span className="log-text">{line.text}</span>
    </div>
  )
})

function countSince(lines: readonly OutputLine[], last: OutputLine | undefined): number {
  return last === undefined ? lines.length : lines.length - 1 - lines.lastIndexOf(last)
}

/** Follows the log, with back-off when the line breaks. */
function useLog(service: string): LogState {
  const [state, setState] = useState(NO_LINES)
  useEffect(() => {
    let source: EventSource | null = null
    let timer: ReturnType<typeof setTimeout> | undefined
    let attempt = 0
    const open = (): void => {
      let isFirst = true
      source = new EventSource(
        `/api/v1/services/${encodeURIComponent(service)}/logs?tail=200&follow=true`,
      )
      source.addEventListener('message', (event: MessageEvent<string>) => {
        const message = JSON.parse(event.data) as LogMessage
        const wasFirst = isFirst
        isFirst = false
        attempt = 0
        setState((before) => addLines(before, message, wasFirst))
      })
      source.addEventListener('error', () => {
        source?.close()
        timer = setTimeout(open, backoffMs(attempt, Math.random()))
        attempt += 1
      })
    }
    setState(NO_LINES)
    open()
    return () => {
      clearTimeout(timer)
      source?.close()
    }
  }, [service])
  return state
}
