import type { ReactNode } from 'react'
import { useSystem } from '../../feed/store.ts'
import type { Tone } from '../../feed/views.ts'
import { callerHistory, nowOf, toneOfErrors, totalsOf } from '../../feed/views.ts'
import { formatDuration, formatLatency, formatRate, formatShare } from '../../format.ts'
import { Sparkline } from '../../ui/sparkline.tsx'

const HISTORY_TICKS = 120

/** The whole system in five numbers. */
export function TotalsBar(): ReactNode {
  const system = useSystem()
  const totals = totalsOf(system)
  return (
    <dl className="totals" aria-label="Totals, updated every second">
      <Total
        name="Requests"
        testId="total-rate"
        value={formatRate(totals.requestsPerSecond)}
        note="from clients, at the gateway"
      >
        <Sparkline values={callerHistory(system, '', HISTORY_TICKS)} count={HISTORY_TICKS} />
      </Total>
      <Total
        name="Errors"
        testId="total-errors"
        value={formatShare(totals.errorRatio)}
        note="5xx or no answer"
        tone={toneOfErrors(totals.errorRatio)}
      />
      <Total
        name="Slowest p95"
        testId="total-p95"
        value={formatLatency(totals.p95Ms)}
        note={totals.slowest || 'no traffic'}
      />
      <Total
        name="Services"
        testId="total-services"
        value={`${totals.servicesHealthy} / ${totals.services}`}
        note="healthy"
      />
      <Total
        name="Instances"
        testId="total-instances"
        value={`${totals.instancesRoutable} / ${totals.instances}`}
        note={`in rotation · up ${formatDuration(nowOf(system) - system.startedAtMs)}`}
      />
    </dl>
  )
}

function Total(props: {
  readonly name: string
  readonly testId: string
  readonly value: string
  readonly note: string
  readonly tone?: Tone
  readonly children?: ReactNode
}): ReactNode {
  return (
    <div className="total">
      <dt>{props.name}</dt>
      <dd>
        <span
          className={`total-value tone-text-${props.tone ?? 'good'}`}
          data-testid={props.testId}
        >
          {props.value}
        </span>
        <span className="muted">{props.note}</span>
        {props.children}
      </dd>
    </div>
  )
}
