import type { ReactNode } from 'react'
import { useMemo, useState } from 'react'
import type { Found } from '../../api/logs.ts'
import { formatCount } from '../../format.ts'
import { openRoute } from '../../route.ts'
import { FoundDetail } from './found-detail.tsx'
import { FoundList } from './found-list.tsx'
import { HealthTab } from './health-tab.tsx'
import { Histogram } from './histogram.tsx'
import { LiveTab } from './live-tab.tsx'
import {
  addTerm,
  formatLogsView,
  parseLogsView,
  searchOf,
  SPANS,
  type LogsView,
} from './log-route.ts'
import { SqlTab } from './sql-tab.tsx'
import { useFound, type Facet } from './use-found.ts'

const TABS = [
  ['search', 'Search'],
  ['live', 'Live'],
  ['sql', 'SQL'],
  ['health', 'Sources'],
] as const

/** Logs and spans: searched, watched as they come, asked by SQL; and what comes from where. */
export function LogsPage({ text }: { readonly text: string }): ReactNode {
  const view = parseLogsView(text)
  const open = (part: Partial<LogsView>): void =>
    openRoute({ page: 'logs', view: formatLogsView({ ...view, ...part }) })
  return (
    <section className="panel logs-page" aria-labelledby="logs-heading">
      <div className="panel-head">
        <h1 id="logs-heading">Logs and traces</h1>
        <div className="segmented" role="group" aria-label="View">
          {TABS.map(([tab, name]) => (
            <button
              key={tab}
              type="button"
              aria-pressed={view.tab === tab}
              data-testid={`logs-${tab}`}
              onClick={() => open({ tab })}
            >
              {name}
            </button>
          ))}
        </div>
      </div>
      <Tab view={view} text={text} open={open} />
    </section>
  )
}

interface TabProps {
  readonly view: LogsView
  readonly text: string
  readonly open: (part: Partial<LogsView>) => void
}

function Tab({ view, text, open }: TabProps): ReactNode {
  switch (view.tab) {
    case 'search':
      return <SearchTab view={view} text={text} open={open} />
    case 'live':
      return (
        <>
          <SearchBar key={view.query} view={view} onSearch={(query) => open({ query })} />
          <LiveTab
            key={`live ${view.query}`}
            query={view.query}
            onTerm={(field, value, isNot) =>
              open({ query: addTerm(view.query, field, value, isNot) })
            }
          />
        </>
      )
    case 'sql':
      return (
        <SqlTab
          key={view.sql}
          sql={view.sql}
          search={searchOf(view, Date.now())}
          onRun={(sql) => open({ sql })}
        />
      )
    case 'health':
      return <HealthTab />
    default:
      return view.tab satisfies never
  }
}

function SearchTab({ view, text, open }: TabProps): ReactNode {
  const [asked, setAsked] = useState(0)
  // The same address asked again is another moment.
  const search = useMemo(() => searchOf(parseLogsView(text), Date.now() + asked * 0), [text, asked])
  const { state, more } = useFound(search)
  const [chosen, setChosen] = useState<Found | null>(null)
  const addToQuery = (field: string, value: string, isNot: boolean): void =>
    open({ query: addTerm(view.query, field, value, isNot) })
  return (
    <>
      <SearchBar
        key={view.query}
        view={view}
        onSearch={(query) => {
          if (query === view.query) setAsked((count) => count + 1)
          else open({ query })
        }}
      />
      <Choices view={view} open={open} />
      {state.mistake !== '' && (
        <p className="tone-text-bad log-mistake" role="alert" data-testid="log-mistake">
          {state.mistake}
        </p>
      )}
      {state.counts !== null && (
        <Histogram
          counts={state.counts}
          search={search}
          onRange={(from, to) => open({ last: '', from, to })}
        />
      )}
      <div className={`logs-body${chosen === null ? '' : ' has-detail'}`}>
        <Facets facets={state.facets} onTerm={addToQuery} />
        {state.rows.length === 0 ? (
          <p className="empty" role="status" data-testid="log-empty">
            {state.isLoading ? 'Searching…' : 'Nothing was found in this time.'}
          </p>
        ) : (
          <FoundList rows={state.rows} chosen={chosen} onChoose={setChosen} onEnd={more} />
        )}
        {chosen !== null && (
          <FoundDetail row={chosen} onTerm={addToQuery} onClose={() => setChosen(null)} />
        )}
      </div>
    </>
  )
}

function SearchBar(props: {
  readonly view: LogsView
  readonly onSearch: (query: string) => void
}): ReactNode {
  const [query, setQuery] = useState(props.view.query)
  return (
    <form
      className="log-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        props.onSearch(query.trim())
      }}
    >
      <input
        type="text"
        className="mono"
        placeholder={'service:orders level>=warn "declined" http.status:5* -user:42'}
        aria-label="Search"
        data-testid="log-query"
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      <button type="submit" className="button primary" data-testid="log-run">
        Search
      </button>
    </form>
  )
}

function Choices({ view, open }: Pick<TabProps, 'view' | 'open'>): ReactNode {
  return (
    <div className="log-choices">
      <div className="segmented" role="group" aria-label="What is searched">
        {(['logs', 'spans'] as const).map((signal) => (
          <button
            key={signal}
            type="button"
            aria-pressed={view.signal === signal}
            data-testid={`signal-${signal}`}
            onClick={() => open({ signal })}
          >
            {signal === 'logs' ? 'Logs' : 'Spans'}
          </button>
        ))}
      </div>
      <div className="segmented" role="group" aria-label="Time">
        {SPANS.map(([name]) => (
          <button
            key={name}
            type="button"
            aria-pressed={view.last === name}
            data-testid={`last-${name}`}
            onClick={() => open({ last: name, from: 0, to: 0 })}
          >
            {name}
          </button>
        ))}
      </div>
      {view.last === '' && <span className="muted">a stretch that was chosen</span>}
    </div>
  )
}

function Facets(props: {
  readonly facets: readonly Facet[]
  readonly onTerm: (field: string, value: string, isNot: boolean) => void
}): ReactNode {
  return (
    <nav className="log-facets" aria-label="Most frequent values">
      {props.facets.map(({ field, values }) => (
        <section key={field} aria-label={field}>
          <h2>{field}</h2>
          <ul>
            {values.map(({ value, count }) => (
              <li key={value}>
                <button
                  type="button"
                  data-testid={`facet-${field}-${value}`}
                  onClick={() => props.onTerm(field, value, false)}
                >
                  <span>{value}</span>
                  <span className="muted">{formatCount(count)}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  )
}
