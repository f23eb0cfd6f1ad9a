import type { ReactNode } from 'react'
import { useState } from 'react'
import { runSql, type LogSearch, type SqlAnswer } from '../../api/logs.ts'

/** Read-only SQL over the tables logs and spans. */
export function SqlTab(props: {
  readonly sql: string
  readonly search: LogSearch
  readonly onRun: (sql: string) => void
}): ReactNode {
  const [sql, setSql] = useState(props.sql)
  const [answer, setAnswer] = useState<SqlAnswer | null>(null)
  const [mistake, setMistake] = useState('')
  const [isRunning, setRunning] = useState(false)
  const run = (): void => {
    setRunning(true)
    runSql(sql, props.search.from, props.search.to)
      .then(
        (found) => {
          setAnswer(found)
          setMistake('')
        },
        (error: unknown) => setMistake(error instanceof Error ? error.message : String(error)),
      )
      .finally(() => setRunning(false))
  }
  return (
    <form
      className="sql-tab"
      onSubmit={(event) => {
        event.preventDefault()
        run()
      }}
    >
      <textarea
        className="mono"
        aria-label="SQL"
        data-testid="sql-text"
        rows={6}
        spellCheck={false}
        value={sql}
        onChange={(event) => setSql(event.target.value)}
      />
      <div className="log-choices">
        <button type="submit" className="button primary" disabled={isRunning} data-testid="sql-run">
          Run
        </button>
        <button type="button" className="button" onClick={() => props.onRun(sql)}>
          Keep it in the address
        </button>
        <span className="muted">Tables: logs and spans. Only SELECT.</span>
      </div>
      {mistake !== '' && (
        <pre className="tone-text-bad found-text" role="alert" data-testid="sql-mistake">
          {mistake}
        </pre>
      )}
      {answer !== null && <Answer answer={answer} />}
    </form>
  )
}

function Answer({ answer }: { readonly answer: SqlAnswer }): ReactNode {
  return (
    <div className="sql-answer">
      <table data-testid="sql-answer">
        <thead>
          <tr>
            {answer.names.map((name, at) => (
              <th key={name} scope="col" title={answer.types[at]}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row, number) => (
            // Rows of an answer have no identity but their place.
            <tr key={number}>
              {row.map((cell, at) => (
                <td key={answer.names[at]} className="mono">
                  {cellText(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {answer.isCut && <p className="muted">There are more rows than are shown.</p>}
    </div>
  )
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return ''
  return typeof cell === 'string' ? cell : JSON.stringify(cell)
}
