import type { ReactNode } from 'react'
import type { InstanceView } from '../../../../src/contracts/feed.ts'
import { toneOfHealth } from '../../feed/views.ts'
import { formatDuration, formatLatency } from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'
import { Registration } from './registration.tsx'

/** The checks with what they said, and the last exit with the last lines before it. */
export function InstanceDetails(props: {
  readonly service: string
  readonly instance: InstanceView
  readonly nowMs: number
}): ReactNode {
  const { checks, process } = props.instance
  return (
    <div className="instance-details">
      <section>
        <h3>Checks</h3>
        {checks.length === 0 && <p className="muted">No check has run.</p>}
        {checks.map((check) => (
          <div key={check.name} className="check" data-testid={`check-${check.name}`}>
            <p>
              <StateBadge tone={toneOfHealth(check.status)} text={check.status} />
              <strong>{check.name}</strong>
              <span className="muted">
                {formatLatency(check.durationMs)}, {formatDuration(props.nowMs - check.atMs)} ago
              </span>
            </p>
            {check.output !== '' && <pre className="output">{check.output}</pre>}
          </div>
        ))}
      </section>
      <Registration service={props.service} id={props.instance.id} nowMs={props.nowMs} />
      {process !== null && (process.exit !== '' || process.lastLines.length > 0) && (
        <section>
          <h3>Last exit</h3>
          <p>{process.exit || 'none'}</p>
          {process.lastLines.length > 0 && (
            <pre className="output" data-testid="last-lines">
              {process.lastLines.join('\n')}
            </pre>
          )}
        </section>
      )}
    </div>
  )
}
