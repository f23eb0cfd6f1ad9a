import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { DoorView } from '../../../../src/capabilities/console/feed.ts'
import type { ConfigView } from '../../api/actions.ts'
import { loadConfig } from '../../api/actions.ts'
import { useFeed } from '../../feed/store.ts'
import { formatNoun } from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'
import { toastError } from '../../ui/toasts.tsx'
import { ConfigTree } from './config-tree.tsx'

/** Every door with its state, and the configuration that holds now with where each value comes from. */
export function ConfigurationPage(): ReactNode {
  return (
    <>
      <h1 className="hidden-text">Doors and configuration</h1>
      <Doors />
      <Configuration />
    </>
  )
}

function Doors(): ReactNode {
  const doors = useFeed((now) => now.system?.doors ?? [])
  const front = doors.filter((door) => door.kind !== 'inside')
  const inside = doors.filter((door) => door.kind === 'inside')
  const closed = doors.filter((door) => door.error !== '').length
  return (
    <section className="panel" aria-labelledby="doors-heading">
      <div className="panel-head">
        <h2 id="doors-heading">Doors</h2>
        <span className="muted" data-testid="doors-summary">
          {doors.length - closed} open{closed > 0 && `, ${closed} closed`}
        </span>
      </div>
      <DoorTable doors={front} />
      {inside.length > 0 && (
        <details className="inside-doors">
          <summary>
            {formatNoun(inside.length, 'inside door')}, one for each call that a service may make
          </summary>
          <DoorTable doors={inside} />
        </details>
      )}
    </section>
  )
}

function DoorTable({ doors }: { readonly doors: readonly DoorView[] }): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Door</th>
          <th scope="col">State</th>
          <th scope="col">Address</th>
          <th scope="col">For</th>
          <th scope="col">Source</th>
        </tr>
      </thead>
      <tbody>
        {doors.map((door) => (
          <tr key={door.id}>
            <th scope="row" data-label="Door">
              {door.kind === 'inside' ? `${door.caller} → ${door.service}` : door.id}
            </th>
            <td className="wide-cell" data-label="State">
              <span className="stack">
                <StateBadge
                  tone={door.error === '' ? 'good' : 'bad'}
                  text={door.error === '' ? 'open' : 'closed'}
                  testId={`door-${door.id}-state`}
                />
                {door.error !== '' && <span className="tone-text-bad">{door.error}</span>}
              </span>
            </td>
            <td className="mono" data-label="Address">
              {/^https?:/.test(door.url) && door.error === '' ? (
                <a href={door.url}>{door.url}</a>
              ) : (
                door.url || door.address
              )}
            </td>
            <td className="wide-cell" data-label="For">
              {purposeOf(door)}
            </td>
            <td className="muted wide-cell" data-label="Source">
              {door.source}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function purposeOf(door: DoorView): string {
  switch (door.kind) {
    case 'gateway':
      return 'clients, by routes'
    case 'console':
      return 'this console and the admin API'
    case 'tcp':
      return `raw TCP to ${door.service}`
    case 'inside':
      return `calls of ${door.caller}`
    default:
      return ''
  }
}

function Configuration(): ReactNode {
  const [config, setConfig] = useState<ConfigView | null>(null)
  const load = (): void => {
    loadConfig().then(setConfig, toastError)
  }
  useEffect(load, [])
  return (
    <section className="panel" aria-labelledby="config-heading">
      <div className="panel-head">
        <h2 id="config-heading">Effective configuration</h2>
        {config !== null && (
          <span className="muted mono file-name" data-testid="config-file">
            {[config.file, config.overlay].filter((file) => file !== '').join(' + ')}
          </span>
        )}
        <button type="button" className="button small push-right" onClick={load}>
          Refresh
        </button>
      </div>
      {config === null ? (
        <div className="skeleton skeleton-map" aria-busy="true" />
      ) : (
        <>
          <OverrideList config={config} />
          <ConfigTree config={config} />
        </>
      )}
    </section>
  )
}

function OverrideList({ config }: { readonly config: ConfigView }): ReactNode {
  if (config.overrides.length === 0) return null
  return (
    <ul className="override-list" data-testid="config-overrides">
      {config.overrides.map((override) => (
        <li key={`${override.service}.${override.setting}`} className="overrides">
          <a href={`#/services/${encodeURIComponent(override.service)}`}>{override.service}</a>
          <span className="difference">
            {override.setting} <del>{String(override.file)}</del>{' '}
            <ins>{String(override.value)}</ins>
          </span>
          <span className="muted">changed while running</span>
        </li>
      ))}
    </ul>
  )
}
