import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { ListenerView } from '../../../../src/contracts/feed.ts'
import type { ConfigView } from '../../api/actions.ts'
import { loadConfig } from '../../api/actions.ts'
import { useFeed } from '../../feed/store.ts'
import { formatNoun } from '../../format.ts'
import { StateBadge } from '../../ui/state.tsx'
import { toastError } from '../../ui/toasts.tsx'
import { ConfigTree } from './config-tree.tsx'
import { Protocols } from './protocols.tsx'

/** Every listener with its state, and the configuration that holds now with where each value comes from. */
export function ConfigurationPage(): ReactNode {
  return (
    <>
      <h1 className="hidden-text">Listeners and configuration</h1>
      <Listeners />
      <Protocols />
      <Configuration />
    </>
  )
}

function Listeners(): ReactNode {
  const listeners = useFeed((now) => now.system?.listeners ?? [])
  const front = listeners.filter((listener) => listener.kind !== 'outbound')
  const outbound = listeners.filter((listener) => listener.kind === 'outbound')
  const closed = listeners.filter((listener) => listener.error !== '').length
  return (
    <section className="panel" aria-labelledby="listeners-heading">
      <div className="panel-head">
        <h2 id="listeners-heading">Listeners</h2>
        <span className="muted" data-testid="listeners-summary">
          {listeners.length - closed} open{closed > 0 && `, ${closed} closed`}
        </span>
      </div>
      <ListenerTable listeners={front} />
      {outbound.length > 0 && (
        <details className="outbound-listeners">
          <summary>
            {formatNoun(outbound.length, 'outbound listener')}, one for each call that a service may
            make, or one for a service that many may call
          </summary>
          <ListenerTable listeners={outbound} />
        </details>
      )}
    </section>
  )
}

function ListenerTable({ listeners }: { readonly listeners: readonly ListenerView[] }): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Listener</th>
          <th scope="col">State</th>
          <th scope="col">Address</th>
          <th scope="col">For</th>
          <th scope="col">Source</th>
        </tr>
      </thead>
      <tbody>
        {listeners.map((listener) => (
          <tr key={listener.id}>
            <th scope="row" data-label="Listener">
              {listener.kind === 'outbound'
                ? `${listener.caller === '' ? 'any' : listener.caller} → ${listener.service}`
                : listener.id}
            </th>
            <td className="wide-cell" data-label="State">
              <span className="stack">
                <StateBadge
                  tone={listener.error === '' ? 'good' : 'bad'}
                  text={listener.error === '' ? 'open' : 'closed'}
                  testId={`listener-${listener.id}-state`}
                />
                {listener.error !== '' && <span className="tone-text-bad">{listener.error}</span>}
              </span>
            </td>
            <td className="mono" data-label="Address">
              {/^https?:/.test(listener.url) && listener.error === '' ? (
                <a href={listener.url}>{listener.url}</a>
              ) : (
                listener.url || listener.address
              )}
            </td>
            <td className="wide-cell" data-label="For">
              {purposeOf(listener)}
            </td>
            <td className="muted wide-cell" data-label="Source">
              {listener.source}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function purposeOf(listener: ListenerView): string {
  switch (listener.kind) {
    case 'gateway':
      return 'clients, by routes'
    case 'console':
      return 'this console and the admin API'
    case 'tcp':
      return `raw TCP to ${listener.service}`
    case 'outbound':
      return `calls of ${listener.caller === '' ? 'all services, not attributed' : listener.caller}`
    case 'http':
    case 'udp':
      return 'programs that speak its protocol'
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
