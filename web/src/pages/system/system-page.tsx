import type { ReactNode } from 'react'
import { lazy, Suspense, useState, useSyncExternalStore } from 'react'
import { CALLER_SHARED } from '../../../../src/contracts/callers.ts'
import { splitEdgeKey } from '../../feed/state.ts'
import { useFeed } from '../../feed/store.ts'
import { SHARED_TEXT } from '../../ui/edge-rows.tsx'
import { EdgeTable } from './edge-table.tsx'
import { Problems } from './problems.tsx'
import { ServiceTable } from './service-table.tsx'
import { TotalsBar } from './totals-bar.tsx'

const Topology = lazy(async () => ({ default: (await import('./topology.tsx')).Topology }))

/** The start page: what is wrong, how much goes on, who calls whom, every service. */
export function SystemPage(): ReactNode {
  const isNarrow = useIsNarrow()
  const [chosen, setChosen] = useState<'map' | 'table' | null>(null)
  const view = chosen ?? (isNarrow ? 'table' : 'map')
  return (
    <>
      <h1 className="hidden-text">System</h1>
      <Problems />
      <TotalsBar />
      {isNarrow && <ServiceTable />}
      <section className="panel" aria-labelledby="traffic-heading">
        <div className="panel-head">
          <h2 id="traffic-heading">Traffic</h2>
          <div className="segmented" role="group" aria-label="View of the traffic">
            {(['map', 'table'] as const).map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={view === name}
                data-testid={`traffic-${name}`}
                onClick={() => setChosen(name)}
              >
                {name === 'map' ? 'Map' : 'Table'}
              </button>
            ))}
          </div>
        </div>
        {view === 'map' ? (
          <Suspense fallback={<div className="map" aria-busy="true" />}>
            <Topology />
          </Suspense>
        ) : (
          <EdgeTable />
        )}
        <SharedNote />
      </section>
      {!isNarrow && <ServiceTable />}
    </>
  )
}

/** Says what the map cannot show. */
function SharedNote(): ReactNode {
  const isShared = useFeed((now) =>
    [...(now.system?.edgeKeys ?? [])].some((key) => splitEdgeKey(key).caller === CALLER_SHARED),
  )
  if (!isShared) return null
  return (
    <p className="note" data-testid="shared-note">
      services (shared): {SHARED_TEXT}
    </p>
  )
}

const NARROW = '(max-width: 640px)'

function useIsNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(NARROW)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => matchMedia(NARROW).matches,
  )
}
