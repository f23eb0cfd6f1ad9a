import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { InstanceView, ServiceView } from '../../../../src/contracts/feed.ts'
import type { BreakerState, ServiceLoad } from '../../../../src/contracts/resilience.ts'
import type { RegistryView } from '../../../../src/contracts/registry.ts'
import type { RequestRecord } from '../../../../src/contracts/snapshot.ts'
import { loadRegistry } from '../../api/registry.ts'
import { loadRefused, loadResilience, type ResilienceView } from '../../api/resilience.ts'
import { useSystem } from '../../feed/store.ts'
import { nowOf } from '../../feed/views.ts'
import { formatCount, formatDuration, formatTime } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { CodeLink } from '../../ui/code-link.tsx'
import { StateBadge } from '../../ui/state.tsx'
import { policyLines, spansOf } from './resilience-text.ts'
import { BreakerSwitches, DrainSwitch } from './resilience-switches.tsx'
import { ResilienceTimeline } from './resilience-timeline.tsx'

/** Asked again this often while the page is open. */
const REFRESH_MS = 2_000

/** What protects the callers of a service, where it stands, what it has done, and why requests were refused. */
export function ResiliencePanel({ service }: { readonly service: ServiceView }): ReactNode {
  const nowMs = nowOf(useSystem())
  const turn = Math.floor(nowMs / REFRESH_MS)
  const view = useLoaded(service.name, turn, loadResilience)
  const refused = useLoaded(service.name, turn, loadRefused)
  const registry = useLoaded(service.name, turn, loadRegistry)
  if (view === undefined) return null
  const own = view.breakers.find(({ instance }) => instance === '')
  return (
    <section className="panel" aria-labelledby="resilience-heading" data-testid="resilience">
      <div className="panel-head">
        <h2 id="resilience-heading">Resilience</h2>
        {own !== undefined && <BreakerBadge breaker={own} />}
      </div>
      {own !== undefined && own.because !== '' && (
        <p className="note" data-testid="breaker-because">
          The breaker is {own.because}.
        </p>
      )}
      <Load load={view.load} />
      <BreakerSwitches service={service.name} order={view.policy.breaker?.order ?? 'auto'} />
      <ResilienceTimeline spans={spansOf(view.events)} nowMs={nowMs} />
      <InstanceStates
        view={view}
        instances={service.instances}
        drained={drainedOf(registry)}
        nowMs={nowMs}
      />
      <Refused requests={refused ?? []} />
      <details className="policies" data-testid="policies">
        <summary>Policy in force for every caller</summary>
        <dl className="facts">
          {policyLines(view.policy).map(({ name, text }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd data-testid={`policy-${name.toLowerCase()}`}>{text}</dd>
            </div>
          ))}
        </dl>
        <p className="muted">
          From {view.policy.source}; a route may set its own deadline and priority.
        </p>
      </details>
    </section>
  )
}

/** Those that somebody has taken out of rotation. */
function drainedOf(registry: RegistryView | undefined): ReadonlySet<string> {
  const isOut = ({ override }: RegistryView['instances'][number]): boolean =>
    override === 'maintenance' || override === 'out-of-service'
  return new Set((registry?.instances ?? []).filter(isOut).map(({ id }) => id))
}

/** The answer for this service, asked again with each turn; what was shown stays while the control plane is away. */
function useLoaded<View>(
  service: string,
  turn: number,
  load: (service: string) => Promise<View>,
): View | undefined {
  const [loaded, setLoaded] = useState<{ readonly of: string; readonly view: View } | undefined>()
  useEffect(() => {
    let isCurrent = true
    load(service).then(
      (view) => {
        if (isCurrent) setLoaded({ of: service, view })
      },
      () => {},
    )
    return () => {
      isCurrent = false
    }
  }, [service, turn, load])
  return loaded?.of === service ? loaded.view : undefined
}

function BreakerBadge({ breaker }: { readonly breaker: BreakerState }): ReactNode {
  const { state, order, instance } = breaker
  const tone =
    state === 'open' || order === 'open' ? 'bad' : state === 'closed' ? 'good' : 'warning'
  const text = order === 'auto' ? state : `held ${order}`
  return <StateBadge tone={tone} text={text} testId={`breaker-state-${instance || 'service'}`} />
}

/** Numbers of the last ten seconds, and of what was done since the data plane started. */
function Load({ load }: { readonly load: ServiceLoad | null }): ReactNode {
  if (load === null) return null
  const isUsedUp = load.retries > 0 && load.retries >= load.retriesAllowed
  const facts: readonly (readonly [string, string, string])[] = [
    ['Retries, of the budget', `${load.retries} of ${load.retriesAllowed}`, 'budget'],
    [
      'In flight, of the limit',
      load.limit === 0 ? 'not limited' : `${load.inFlight} of ${load.limit}`,
      'limit',
    ],
    ['Waiting for a place', formatCount(load.queued), 'queue'],
    ['Waiting for a connection', formatCount(load.waiting), 'waiting'],
    ['Refused for want of a place', formatCount(load.shed), 'shed'],
    ['Retries not allowed', formatCount(load.retriesRefused), 'retries-refused'],
    ['Hedges, won', `${formatCount(load.hedges)}, ${formatCount(load.hedgeWins)}`, 'hedges'],
    ['Fallbacks', formatCount(load.fallbacks), 'fallbacks'],
    ['Ejections', formatCount(load.ejections), 'ejections'],
  ]
  return (
    <>
      {load.overloadedWorkers > 0 && (
        <p className="note tone-text-bad" data-testid="overloaded">
          It is given less until it has caught up: {load.because}.
        </p>
      )}
      <dl className="facts load-facts">
        {facts.map(([name, text, id]) => (
          <div key={id}>
            <dt>{name}</dt>
            <dd
              className={id === 'budget' && isUsedUp ? 'tone-text-warning' : ''}
              data-testid={`load-${id}`}
            >
              {text}
            </dd>
          </div>
        ))}
      </dl>
    </>
  )
}

function InstanceStates(props: {
  readonly view: ResilienceView
  readonly instances: readonly InstanceView[]
  readonly drained: ReadonlySet<string>
  readonly nowMs: number
}): ReactNode {
  const { view, instances, drained, nowMs } = props
  if (instances.length === 0) return null
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Instance</th>
          <th scope="col">Breaker</th>
          <th scope="col">Ejection</th>
          <th scope="col">Rotation</th>
        </tr>
      </thead>
      <tbody>
        {instances.map((one) => {
          const breaker = view.breakers.find(({ instance }) => instance === one.id)
          const isOut = one.ejectedUntilMs > nowMs
          const last = view.events.find(
            ({ instance, kind }) => instance === one.id && kind === 'ejected',
          )
          return (
            <tr key={one.id} data-testid={`resilience-${one.id}`}>
              <th scope="row" data-label="Instance">
                {one.id}
              </th>
              <td data-label="Breaker">
                {breaker === undefined ? 'none of its own' : <BreakerBadge breaker={breaker} />}
              </td>
              <td data-label="Ejection">
                {isOut
                  ? `left out for ${formatDuration(one.ejectedUntilMs - nowMs)} more`
                  : 'not left out'}
                {last !== undefined && <span className="muted address">last {last.because}</span>}
              </td>
              <td data-label="Rotation">
                <DrainSwitch service={view.service} id={one.id} isDrained={drained.has(one.id)} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Refused({ requests }: { readonly requests: readonly RequestRecord[] }): ReactNode {
  if (requests.length === 0) return null
  return (
    <div data-testid="refused">
      <h3 className="panel-sub">Why requests were refused lately</h3>
      <ul className="refused-list">
        {requests.map((one) => (
          <li key={one.requestId}>
            <a href={hrefOf({ page: 'requests', requestId: one.requestId })}>
              {formatTime(one.startedAtMs)} {one.method} {one.target}
            </a>{' '}
            <CodeLink code={one.reason} /> <span className="muted">{one.detail}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
