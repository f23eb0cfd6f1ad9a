import type { ReactNode } from 'react'
import { useSystem } from '../../feed/store.ts'
import { edgesToDraw, silentEdge } from '../../feed/views.ts'
import { EdgeRows } from '../../ui/edge-rows.tsx'

/** The same edges as on the map, as rows; busiest first would make rows jump, so they are in order of their names. */
export function EdgeTable(): ReactNode {
  const system = useSystem()
  const newest = system.ticks.at(-1)
  const edges = edgesToDraw(system.services, system.edgeKeys).map(
    (key) => newest?.edges.get(key) ?? silentEdge(key),
  )
  if (edges.length === 0)
    return <p className="empty">No traffic yet. Calls appear here with the first request.</p>
  return <EdgeRows edges={edges} columns="both" />
}
