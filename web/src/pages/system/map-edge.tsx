import type { Edge, EdgeProps } from '@xyflow/react'
import { EdgeLabelRenderer, useStore } from '@xyflow/react'
import type { ReactNode } from 'react'
import { memo } from 'react'
import { splitEdgeKey } from '../../feed/state.ts'
import { useFeed } from '../../feed/store.ts'
import { toneOfErrors } from '../../feed/views.ts'
import { formatLatency, formatRate, formatShare } from '../../format.ts'
import type { Point } from '../../topology/layout.ts'
import { edgeTestId } from '../../ui/edge-rows.tsx'

export interface TrafficEdgeData extends Record<string, unknown> {
  readonly edgeKey: string
  readonly path: string
  readonly label: Point
}

/** Below this zoom a label could not be read: only edges with errors keep theirs. */
const LABEL_ZOOM_MIN = 0.5

/** One edge: width and dashes tell the rate, colour and text the errors, text the latency. */
export const MapEdge = memo(function MapEdge({
  data,
}: EdgeProps<Edge<TrafficEdgeData>>): ReactNode {
  const key = data?.edgeKey ?? ''
  const edge = useFeed((now) => now.system?.ticks.at(-1)?.edges.get(key) ?? null)
  const isReadable = useStore((store) => store.transform[2] >= LABEL_ZOOM_MIN)
  if (data === undefined) return null
  const rate = edge?.requestsPerSecond ?? 0
  const tone = edge === null ? 'good' : toneOfErrors(edge.errorRatio)
  const testId = edgeTestId(splitEdgeKey(key))
  const classes = `map-edge tone-edge-${tone} ${rate > 0 ? 'has-traffic' : 'is-silent'}`
  return (
    <>
      <path className={classes} d={data.path} strokeWidth={widthOf(rate)} />
      {rate > 0 && <path className={`map-flow tone-edge-${tone}`} d={data.path} />}
      {edge !== null && (isReadable || tone !== 'good') && (
        <EdgeLabelRenderer>
          <div
            className={`map-label tone-label-${tone}`}
            style={{
              transform: `translate(-50%, -50%) translate(${data.label.x}px, ${data.label.y}px)`,
            }}
          >
            <span data-testid={`${testId}-rate`}>{formatRate(edge.requestsPerSecond)}</span>
            <span data-testid={`${testId}-p95`}>{formatLatency(edge.p95Ms)}</span>
            {edge.errorRatio > 0 && (
              <span className="map-label-errors" data-testid={`${testId}-errors`}>
                {formatShare(edge.errorRatio)} err
              </span>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
})

/** 1.25 px without traffic, 5 px from a thousand requests a second. */
function widthOf(requestsPerSecond: number): number {
  return 1.25 + Math.min(3.75, Math.log10(1 + requestsPerSecond) * 1.25)
}
