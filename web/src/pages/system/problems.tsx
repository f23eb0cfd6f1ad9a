import type { ReactNode } from 'react'
import type { ProblemView } from '../../../../src/contracts/feed.ts'
import { useFeed, useSystem } from '../../feed/store.ts'
import { nowOf } from '../../feed/views.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { CodeLink } from '../../ui/code-link.tsx'
import { StateDot } from '../../ui/state.tsx'

/** What is wrong, errors first; one quiet line when nothing is. */
export function Problems(): ReactNode {
  const problems = useFeed((now) => now.system?.problems ?? [])
  const errors = problems.filter((problem) => problem.severity === 'error').length
  const summary =
    problems.length === 0
      ? 'Nothing is wrong'
      : [
          errors > 0 && formatNoun(errors, 'error'),
          problems.length > errors && formatNoun(problems.length - errors, 'warning'),
        ]
          .filter(Boolean)
          .join(', ')
  if (problems.length === 0) {
    return (
      <p className="all-well" role="status" data-testid="problems-none">
        <StateDot tone="good" />
        {summary}
      </p>
    )
  }
  return (
    <section
      className={`panel problems ${errors > 0 ? 'has-errors' : ''}`}
      aria-labelledby="problems-heading"
    >
      <div className="panel-head">
        <h2 id="problems-heading">What is wrong</h2>
        <span className="muted" role="status" data-testid="problems-summary">
          {summary}
        </span>
      </div>
      <ul data-testid="problems">
        {problems.map((problem) => (
          <Problem key={problem.id} problem={problem} />
        ))}
      </ul>
    </section>
  )
}

function Problem({ problem }: { readonly problem: ProblemView }): ReactNode {
  const system = useSystem()
  const where = problem.instance || problem.service
  return (
    <li data-testid="problem" className="problem">
      <StateDot tone={problem.severity === 'error' ? 'bad' : 'warning'} />
      <span className="hidden-text">{problem.severity}: </span>
      <span className="problem-text">
        {problem.service === '' ? (
          where !== '' && <strong>{where} </strong>
        ) : (
          <a href={hrefOf({ page: 'service', service: problem.service })}>{where}</a>
        )}{' '}
        {problem.text}
      </span>
      <CodeLink code={problem.code} />
      <span className="muted since">{formatDuration(nowOf(system) - problem.sinceMs)}</span>
    </li>
  )
}
