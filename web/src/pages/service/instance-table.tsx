import type { ReactNode } from 'react'
import { useState } from 'react'
import type { InstanceTick, InstanceView, ServiceView } from '../../../../src/contracts/feed.ts'
import { useSystem } from '../../feed/store.ts'
import { nowOf, toneOfErrors, toneOfHealth } from '../../feed/views.ts'
import {
  formatBytes,
  formatDuration,
  formatLatency,
  formatNoun,
  formatRate,
  formatShare,
} from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'
import { InstanceDetails } from './instance-details.tsx'

/** Every instance; a row unfolds to its checks and to how its process ended last. */
export function InstanceTable({ service }: { readonly service: ServiceView }): ReactNode {
  return (
    <section className="panel" aria-labelledby="instances-heading">
      <div className="panel-head">
        <h2 id="instances-heading">Instances</h2>
        <span className="muted">
          {service.instances.length < service.instanceCount && `${service.instances.length} of `}
          {service.instanceCount}
        </span>
      </div>
      {service.instances.length === 0 ? (
        <p className="empty">No instance. {service.reason}</p>
      ) : (
        <table className="table cards instances">
          <thead>
            <tr>
              <th scope="col">Instance</th>
              <th scope="col">Health</th>
              <th scope="col">Process</th>
              <th scope="col" className="number">
                Requests
              </th>
              <th scope="col" className="number">
                Errors
              </th>
              <th scope="col" className="number">
                p95
              </th>
              <th scope="col" className="number">
                In flight
              </th>
              <th scope="col" className="number">
                CPU
              </th>
              <th scope="col" className="number">
                Memory
              </th>
            </tr>
          </thead>
          <tbody>
            {service.instances.map((instance) => (
              <InstanceRow key={instance.id} service={service.name} instance={instance} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function InstanceRow(props: {
  readonly service: string
  readonly instance: InstanceView
}): ReactNode {
  const { instance } = props
  const [isOpen, setIsOpen] = useState(false)
  const system = useSystem()
  const tick = system.ticks.at(-1)?.instances.get(`${props.service}/${instance.id}`)
  const id = `instance-${instance.id}`
  return (
    <>
      <tr>
        <th scope="row" data-label="Instance">
          <button
            type="button"
            className="unfold"
            aria-expanded={isOpen}
            aria-controls={`${id}-details`}
            data-testid={`${id}-unfold`}
            onClick={() => setIsOpen(!isOpen)}
          >
            {instance.id}
          </button>
          <span className="muted mono address">{instance.address}</span>
        </th>
        <td data-label="Health" className="wide-cell">
          <Health instance={instance} nowMs={nowOf(system)} />
        </td>
        <td data-label="Process" className="wide-cell">
          <ProcessCell instance={instance} nowMs={nowOf(system)} />
        </td>
        <Numbers tick={tick} id={id} />
      </tr>
      {isOpen && (
        <tr className="details" id={`${id}-details`}>
          <td colSpan={9}>
            <InstanceDetails service={props.service} instance={instance} nowMs={nowOf(system)} />
          </td>
        </tr>
      )}
    </>
  )
}

function Health({
  instance,
  nowMs,
}: {
  readonly instance: InstanceView
  readonly nowMs: number
}): ReactNode {
  const leftMs = instance.ejectedUntilMs - nowMs
  return (
    <span className="stack">
      <StateBadge
        tone={toneOfHealth(instance.health)}
        text={instance.health}
        testId={`instance-${instance.id}-health`}
      />
      {leftMs > 0 && (
        <span className="tone-text-warning">ejected for {formatDuration(leftMs + 999)}</span>
      )}
      {!instance.isRoutable && leftMs <= 0 && <span className="muted">out of rotation</span>}
    </span>
  )
}

function ProcessCell({
  instance,
  nowMs,
}: {
  readonly instance: InstanceView
  readonly nowMs: number
}): ReactNode {
  const process = instance.process
  if (process === null)
    return (
      <span className="muted" data-testid={`instance-${instance.id}-source`}>
        {instance.source === 'at' ? 'elsewhere' : `registered over ${instance.source}`}
      </span>
    )
  const facts = [
    process.startedAtMs > 0 ? `up ${formatDuration(nowMs - process.startedAtMs)}` : process.exit,
    process.restarts > 0 ? formatNoun(process.restarts, 'restart') : '',
  ]
  const isBad = process.state === 'crash-looping' || process.state === 'failed'
  return (
    <span className="stack">
      <span
        className={isBad ? 'tone-text-bad' : ''}
        data-testid={`instance-${instance.id}-process`}
      >
        {process.state}
        {process.pid > 0 && <span className="muted"> pid {process.pid}</span>}
      </span>
      <span className="muted">{facts.filter((fact) => fact !== '').join(' · ')}</span>
    </span>
  )
}

function Numbers({
  tick,
  id,
}: {
  readonly tick: InstanceTick | undefined
  readonly id: string
}): ReactNode {
  const cell = (label: string, name: string, value: string, tone = ''): ReactNode => (
    <td className={`number ${tone}`} data-label={label} data-testid={`${id}-${name}`}>
      {value}
    </td>
  )
  const errorRatio = tick?.errorRatio ?? 0
  const hasTraffic = (tick?.requestsPerSecond ?? 0) > 0
  return (
    <>
      {cell('Requests', 'rate', formatRate(tick?.requestsPerSecond ?? 0))}
      {cell('Errors', 'errors', formatShare(errorRatio), `tone-text-${toneOfErrors(errorRatio)}`)}
      {cell('p95', 'p95', hasTraffic ? formatLatency(tick?.p95Ms ?? 0) : '–')}
      {cell('In flight', 'in-flight', String(tick?.inFlight ?? 0))}
      {cell('CPU', 'cpu', formatShare(tick?.cpuRatio ?? 0))}
      {cell(
        'Memory',
        'memory',
        tick && tick.residentBytes > 0 ? formatBytes(tick.residentBytes) : '–',
      )}
    </>
  )
}
