import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { loadMetricNames } from '../../api/metrics.ts'
import { openRoute } from '../../route.ts'
import { completionsOf, insertCompletion } from './completion.ts'
import { formatNumber, nameOfSeries } from './names.ts'
import { RangeChart } from './range-chart.tsx'
import { RangePicker } from './range-picker.tsx'
import { useRange } from './use-range.ts'

/** One question in PromQL, drawn over time. What is asked and for when is in the address. */
export function QueryPanel(props: { readonly query: string; readonly range: string }): ReactNode {
  const { query, range } = props
  const { series, problem, times } = useRange(query, range)
  return (
    <section className="panel chart" aria-labelledby="query-heading">
      <div className="panel-head">
        <h2 id="query-heading">PromQL</h2>
        <RangePicker
          range={range}
          onPick={(next) => openRoute({ page: 'metrics', query, range: next })}
        />
      </div>
      <QueryForm first={query} range={range} />
      {problem !== '' && (
        <p className="error-text query-error" role="alert" data-testid="query-error">
          {problem}
        </p>
      )}
      {query === '' ? (
        <p className="empty">
          For example: sum by (service) (rate(backplane_gateway_requests_total[1m]))
        </p>
      ) : series === null ? (
        problem === '' && <div className="skeleton skeleton-row" aria-busy="true" />
      ) : (
        <>
          <p className="muted query-count" data-testid="query-count">
            {series.length} series
          </p>
          <RangeChart
            series={series}
            times={times}
            nameOf={nameOfSeries}
            format={formatNumber}
            height={320}
            testId="query-chart"
            onZoom={(fromS, toS) => openRoute({ page: 'metrics', query, range: `${fromS}-${toS}` })}
          />
        </>
      )}
    </section>
  )
}

function QueryForm(props: { readonly first: string; readonly range: string }): ReactNode {
  const [text, setText] = useState(props.first)
  const [cursor, setCursor] = useState(props.first.length)
  const [names, setNames] = useState<readonly string[]>([])
  const [isOpen, setIsOpen] = useState(false)
  useEffect(() => {
    loadMetricNames().then(setNames, () => {})
  }, [])
  const completions = isOpen ? completionsOf(text, cursor, names) : []
  const take = (name: string): void => {
    const next = insertCompletion(text, cursor, name)
    setText(next.text)
    setCursor(next.cursor)
    setIsOpen(false)
  }
  const run = (): void => {
    setIsOpen(false)
    openRoute({ page: 'metrics', query: text.trim(), range: props.range })
  }
  return (
    <form
      className="query-form"
      onSubmit={(event) => {
        event.preventDefault()
        run()
      }}
    >
      <div className="query-box">
        <textarea
          className="text-input mono"
          aria-label="Query"
          rows={2}
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            setCursor(event.target.selectionStart)
            setIsOpen(true)
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey) {
              event.preventDefault()
              run()
            }
            if (event.key === 'Tab' && completions[0] !== undefined) {
              event.preventDefault()
              take(completions[0])
            }
            if (event.key === 'Escape') setIsOpen(false)
          }}
          data-testid="query-text"
        />
        {completions.length > 0 && (
          <ul className="completions" aria-label="Completions">
            {completions.map((name) => (
              <li key={name}>
                <button type="button" className="mono" onClick={() => take(name)}>
                  {name}
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      <button type="submit" className="button" data-testid="query-run">
        Run
      </button>
    </form>
  )
}
