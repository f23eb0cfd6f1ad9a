import type { ReactNode } from 'react'
import { hrefOf, type AlertsTab } from '../../route.ts'
import { AlertsPanel } from './alerts-panel.tsx'
import { DeliveriesPanel } from './deliveries-panel.tsx'
import { SilencesPanel } from './silences-panel.tsx'
import { SlosPanel } from './slos-panel.tsx'

const TABS: readonly (readonly [AlertsTab, string])[] = [
  ['firing', 'Alerts'],
  ['slos', 'SLOs'],
  ['silences', 'Silences'],
  ['deliveries', 'Deliveries'],
]

/** What is wrong, what is promised, and who is told. `tab` and the labels of a new silence are in the address. */
export function AlertsPage(props: {
  readonly tab: AlertsTab
  readonly silencing: string
}): ReactNode {
  return (
    <>
      <h1 className="hidden-text">Alerts</h1>
      <nav className="tabs" aria-label="Alerts">
        {TABS.map(([tab, text]) => (
          <a
            key={tab}
            href={hrefOf({ page: 'alerts', tab, silencing: '' })}
            aria-current={tab === props.tab ? 'page' : undefined}
          >
            {text}
          </a>
        ))}
      </nav>
      <Panel tab={props.tab} silencing={props.silencing} />
    </>
  )
}

function Panel({ tab, silencing }: { readonly tab: AlertsTab; readonly silencing: string }) {
  switch (tab) {
    case 'firing':
      return <AlertsPanel />
    case 'slos':
      return <SlosPanel />
    case 'silences':
      return <SilencesPanel silencing={silencing} />
    case 'deliveries':
      return <DeliveriesPanel />
  }
}
