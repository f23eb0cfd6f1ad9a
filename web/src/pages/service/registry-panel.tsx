import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { RegistryView } from '../../../../src/contracts/registry.ts'
import { loadRegistry } from '../../api/registry.ts'
import { useSystem } from '../../feed/store.ts'
import { nowOf } from '../../feed/views.ts'
import { formatDuration, formatNoun } from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'

/** Asked again this often while the page is open. */
const REFRESH_MS = 2_000

/** Where instances come from that Backplane does not run, what those have registered that it runs, how old what is known of them is, and who waits for changes. */
export function RegistryPanel({ service }: { readonly service: string }): ReactNode {
  const nowMs = nowOf(useSystem())
  const registry = useRegistry(service, Math.floor(nowMs / REFRESH_MS))
  if (registry === undefined) return null
  const others = registry.instances.filter(
    ({ source, registeredAs }) => source !== 'run' || registeredAs.length > 0,
  )
  if (others.length === 0 && registry.sources.length === 0) return null
  return (
    <section className="panel" aria-labelledby="registry-heading" data-testid="registry">
      <div className="panel-head">
        <h2 id="registry-heading">Registry</h2>
        <span className="muted" data-testid="registry-watchers">
          {formatNoun(registry.watchers, 'watcher')}
        </span>
      </div>
      {registry.sources.map((source) => (
        <Source key={`${source.kind} ${source.place}`} source={source} nowMs={nowMs} />
      ))}
      {others.length > 0 && (
        <table className="table cards">
          <thead>
            <tr>
              <th scope="col">Instance</th>
              <th scope="col">Source</th>
              <th scope="col">Node</th>
              <th scope="col">Lease</th>
              <th scope="col">Tags</th>
            </tr>
          </thead>
          <tbody>
            {others.map((one) => (
              <Row key={one.id} instance={one} nowMs={nowMs} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function useRegistry(service: string, turn: number): RegistryView | undefined {
  const [registry, setRegistry] = useState<RegistryView | undefined>(undefined)
  useEffect(() => {
    let isCurrent = true
    loadRegistry(service).then(
      (view) => {
        if (isCurrent) setRegistry(view)
      },
      // What was shown stays; the banner says that the control plane is away.
      () => {},
    )
    return () => {
      isCurrent = false
    }
  }, [service, turn])
  return registry?.service === service ? registry : undefined
}

function Source({
  source,
  nowMs,
}: {
  readonly source: RegistryView['sources'][number]
  readonly nowMs: number
}): ReactNode {
  const { kind, place, targetCount, isStale, why, answeredAtMs } = source
  const age = answeredAtMs === 0 ? 'no answer yet' : `${formatDuration(nowMs - answeredAtMs)} ago`
  return (
    <p className="note" data-testid={`source-${kind}`}>
      <StateBadge tone={isStale ? 'warning' : 'good'} text={isStale ? 'stale' : 'followed'} />{' '}
      <strong>{kind}</strong> <span className="mono">{place}</span>:{' '}
      {formatNoun(targetCount, 'instance')}, {age}
      {why !== '' && <span className="tone-text-warning"> {why}</span>}
    </p>
  )
}

function Row({
  instance,
  nowMs,
}: {
  readonly instance: RegistryView['instances'][number]
  readonly nowMs: number
}): ReactNode {
  const { id, source, node, leaseMs, renewedAtMs, tags, override, overrideReason } = instance
  const lease =
    leaseMs === 0
      ? 'none'
      : `${formatDuration(leaseMs)}, renewed ${formatDuration(nowMs - renewedAtMs)} ago`
  return (
    <tr data-testid={`registered-${id}`}>
      <th scope="row" data-label="Instance">
        {id}
        {override !== '' && (
          <span className="tone-text-warning address">
            {override}
            {overrideReason !== '' && `: ${overrideReason}`}
          </span>
        )}
        {instance.isStandby && <span className="muted address">stands by</span>}
        {instance.registeredAs.length > 0 && (
          <span className="muted address">
            registered itself as {instance.registeredAs.join(', ')}
          </span>
        )}
      </th>
      <td data-label="Source">{source}</td>
      <td data-label="Node">{node}</td>
      <td data-label="Lease">{lease}</td>
      <td data-label="Tags">{tags.join(', ')}</td>
    </tr>
  )
}
