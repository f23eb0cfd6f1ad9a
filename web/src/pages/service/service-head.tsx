import type { ReactNode } from 'react'
import { useState } from 'react'
import type { ServiceView } from '../../../../src/contracts/feed.ts'
import { runAction } from '../../api/actions.ts'
import { useSystem } from '../../feed/store.ts'
import { countHealthy, toneOfService, trafficOf } from '../../feed/views.ts'
import { formatLatency, formatRate, formatShare } from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'
import { toastDone, toastError } from '../../ui/toasts.tsx'
import type { Asked } from './action-dialog.tsx'
import { ActionDialog } from './action-dialog.tsx'

/** Name, state, reason, numbers, actions, and what differs from the file. */
export function ServiceHead({ service }: { readonly service: ServiceView }): ReactNode {
  const [asked, setAsked] = useState<Asked | null>(null)
  const id = `service-${service.name}`
  return (
    <section className="panel service-head" aria-labelledby="service-heading">
      <div className="service-title">
        <h1 id="service-heading">{service.name}</h1>
        <StateBadge
          tone={toneOfService(service.state)}
          text={service.state}
          testId={`${id}-state`}
        />
        <div className="service-actions">
          <Actions service={service} onAsk={setAsked} />
        </div>
      </div>
      {service.reason !== '' && (
        <p className="service-reason" data-testid={`${id}-reason`}>
          {service.reason}
        </p>
      )}
      <Facts service={service} />
      {service.overrides.length > 0 && <Overrides service={service} />}
      {asked !== null && (
        <ActionDialog service={service} asked={asked} onClose={() => setAsked(null)} />
      )}
    </section>
  )
}

function Actions(props: {
  readonly service: ServiceView
  readonly onAsk: (asked: Asked) => void
}): ReactNode {
  const { service } = props
  if (service.kind !== 'run' && service.kind !== 'task') {
    return <span className="muted">run by somebody else</span>
  }
  const isStopped =
    service.state === 'stopped' ||
    service.overrides.some((override) => override.setting === 'stopped')
  const button = (asked: Asked, text: string, isDangerous = false): ReactNode => (
    <button
      type="button"
      className={isDangerous ? 'button quiet-danger' : 'button'}
      data-testid={`action-${asked}`}
      onClick={() => props.onAsk(asked)}
    >
      {text}
    </button>
  )
  if (isStopped) return button('start', 'Start…')
  return (
    <>
      {button('restart', 'Restart…')}
      {service.kind === 'run' && button('scale', 'Scale…')}
      {button('stop', 'Stop…', true)}
    </>
  )
}

function Facts({ service }: { readonly service: ServiceView }): ReactNode {
  const traffic = trafficOf(useSystem(), service.name)
  const { healthy, total } = countHealthy(service)
  const errorRatio =
    traffic.requestsPerSecond > 0 ? traffic.errorsPerSecond / traffic.requestsPerSecond : 0
  const id = `service-${service.name}`
  const facts: readonly (readonly [string, string, string])[] = [
    ['In rotation', `${healthy}/${total}`, `${id}-healthy`],
    ['Requests', formatRate(traffic.requestsPerSecond), `${id}-rate`],
    ['Errors', formatShare(errorRatio), `${id}-errors`],
    ['p95', formatLatency(traffic.p95Ms), `${id}-p95`],
    ['Balancing', service.algorithm, `${id}-algorithm`],
    ['Starts after', service.after.join(', '), `${id}-after`],
    ['Defined in', service.source, `${id}-source`],
    ['Command', service.command, `${id}-command`],
  ]
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== '')
        .map(([name, value, testId]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={name === 'Command' ? 'mono' : ''} data-testid={testId}>
              {value}
            </dd>
          </div>
        ))}
    </dl>
  )
}

function Overrides({ service }: { readonly service: ServiceView }): ReactNode {
  const clear = (): void => {
    runAction(service.name, { kind: 'clear' }).then(
      () => toastDone(`${service.name} follows the file again.`),
      toastError,
    )
  }
  return (
    <div className="overrides" data-testid="overrides">
      <span>Changed while running:</span>
      {service.overrides.map((override) => (
        <span key={override.setting} className="difference">
          {override.setting} <del aria-label={`file says ${override.file}`}>{override.file}</del>{' '}
          <ins aria-label={`now ${override.value}`}>{override.value}</ins>
        </span>
      ))}
      <button type="button" className="button small" data-testid="action-clear" onClick={clear}>
        Clear
      </button>
    </div>
  )
}
