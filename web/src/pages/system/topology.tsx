import type { Edge, Node, NodeTypes, EdgeTypes } from '@xyflow/react'
import { Panel, ReactFlow, ReactFlowProvider, useReactFlow } from '@xyflow/react'
import '@xyflow/react/dist/base.css'
import type { ReactNode } from 'react'
import { useEffect, useMemo } from 'react'
import { CALLER_SHARED } from '../../../../src/contracts/callers.ts'
import { splitEdgeKey } from '../../feed/state.ts'
import { useFeed } from '../../feed/store.ts'
import { edgesToDraw } from '../../feed/views.ts'
import { curvePath, placeLabels } from '../../topology/curve.ts'
import type { Layout } from '../../topology/layout.ts'
import { layoutGraph, NODE_HEIGHT, NODE_WIDTH } from '../../topology/layout.ts'
import type { TrafficEdgeData } from './map-edge.tsx'
import { MapEdge } from './map-edge.tsx'
import { MapNode } from './map-node.tsx'

const nodeTypes: NodeTypes = { service: MapNode }
const edgeTypes: EdgeTypes = { traffic: MapEdge }
/** Room for the legend above and the buttons below. */
const FIT = {
  padding: { top: '40px', right: '24px', bottom: '50px', left: '24px' },
  maxZoom: 1.05,
} as const
const GATEWAY_ID = '@gateway'

/** The live map: clients at the gateway on the left, services by layers, numbers on the edges. */
export function Topology(): ReactNode {
  return (
    <ReactFlowProvider>
      <TrafficMap />
    </ReactFlowProvider>
  )
}

function TrafficMap(): ReactNode {
  const layout = useLayout()
  const { nodes, edges } = useMemo(() => toFlow(layout), [layout])
  const flow = useReactFlow()
  useEffect(() => {
    const frame = requestAnimationFrame(() => void flow.fitView(FIT))
    return () => cancelAnimationFrame(frame)
  }, [flow, layout])
  return (
    <div
      className="map"
      role="group"
      aria-label="Map of the traffic. The table view has the same numbers."
    >
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        fitView
        fitViewOptions={FIT}
        minZoom={0.2}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        disableKeyboardA11y
        zoomOnScroll={false}
        zoomOnDoubleClick={false}
        preventScrolling={false}
      >
        <Panel position="bottom-left" className="map-controls">
          <button
            type="button"
            className="icon-button"
            aria-label="Zoom in"
            onClick={() => void flow.zoomIn()}
          >
            +
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Zoom out"
            onClick={() => void flow.zoomOut()}
          >
            −
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Fit the map"
            onClick={() => void flow.fitView(FIT)}
          >
            ⤢
          </button>
        </Panel>
        <Panel position="top-right" className="map-legend">
          <span className="legend-good">ok</span>
          <span className="legend-warning">from 1 % errors</span>
          <span className="legend-bad">from 5 % errors</span>
        </Panel>
      </ReactFlow>
    </div>
  )
}

/** Laid out anew only when a service or an edge comes or goes, not when a number changes. */
function useLayout(): Layout {
  const structure = useFeed((now) =>
    now.system === null
      ? ''
      : [
          [...now.system.services.keys()].join(' '),
          edgesToDraw(now.system.services, now.system.edgeKeys).join(' '),
        ].join('\n'),
  )
  return useMemo(() => {
    const [services = '', keys = ''] = structure.split('\n')
    const edges = keys === '' ? [] : keys.split(' ')
    const isShared = edges.some((id) => splitEdgeKey(id).caller === CALLER_SHARED)
    return layoutGraph(
      ['', ...(isShared ? [CALLER_SHARED] : []), ...(services === '' ? [] : services.split(' '))],
      edges.map((id) => {
        const { caller, service } = splitEdgeKey(id)
        return { id, from: caller, to: service }
      }),
      '',
    )
  }, [structure])
}

function toFlow(layout: Layout): { readonly nodes: Node[]; readonly edges: Edge[] } {
  const labels = placeLabels(layout.edges)
  const nodes = [...layout.nodes].map(([service, position]): Node => ({
    id: service || GATEWAY_ID,
    type: 'service',
    position,
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    data: { service },
  }))
  const edges = [...layout.edges].map(([key, points]): Edge<TrafficEdgeData> => {
    const { caller, service } = splitEdgeKey(key)
    return {
      id: key,
      type: 'traffic',
      source: caller || GATEWAY_ID,
      target: service,
      focusable: false,
      data: { edgeKey: key, path: curvePath(points), label: labels.get(key) ?? { x: 0, y: 0 } },
    }
  })
  return { nodes, edges }
}
