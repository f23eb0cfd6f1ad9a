import type { Node, NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import type { ReactNode } from 'react'
import { memo } from 'react'
import { useSystem } from '../../feed/store.ts'
import { countHealthy, rateHistory, toneOfService, totalsOf, trafficOf } from '../../feed/views.ts'
import { formatRate } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { Sparkline } from '../../ui/sparkline.tsx'
import { StateDot } from '../../ui/state.tsx'

const HISTORY_TICKS = 60

/** One card of the map: the gateway's clients or a service. */
export const MapNode = memo(function MapNode({
  data,
}: NodeProps<Node<{ readonly service: string }>>): ReactNode {
  const { service } = data
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {service === '' ? <GatewayCard /> : <ServiceCard name={service} />}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  )
})

function GatewayCard(): ReactNode {
  const system = useSystem()
  return (
    <div className="node node-gateway">
      <div className="node-head">
        <strong>gateway</strong>
        <span className="muted">clients</span>
      </div>
      <div className="node-foot">
        <Sparkline values={rateHistory(system, '', HISTORY_TICKS)} count={HISTORY_TICKS} />
        <span data-testid="node-gateway-rate">
          {formatRate(totalsOf(system).requestsPerSecond)}
        </span>
      </div>
    </div>
  )
}

function ServiceCard({ name }: { readonly name: string }): ReactNode {
  const system = useSystem()
  const service = system.services.get(name)
  if (service === undefined) return null
  const { healthy, total } = countHealthy(service)
  const tone = toneOfService(service.state)
  const rate = formatRate(trafficOf(system, name).requestsPerSecond)
  return (
    <a
      className={`node nopan tone-border-${tone}`}
      href={hrefOf({ page: 'service', service: name })}
      data-testid={`node-${name}`}
      aria-label={`${name}, ${service.state}, ${healthy} of ${total} instances in rotation`}
      title={service.reason || `${name} is ${service.state}`}
    >
      <div className="node-head">
        <StateDot tone={tone} />
        <strong>{name}</strong>
        <span className="node-count" data-testid={`node-${name}-healthy`}>
          {healthy}/{total}
        </span>
      </div>
      <div className="node-foot">
        {service.state === 'healthy' || tone === 'quiet' ? null : (
          <span className={`node-state tone-text-${tone}`}>{service.state}</span>
        )}
        <Sparkline values={rateHistory(system, name, HISTORY_TICKS)} count={HISTORY_TICKS} />
        <span data-testid={`node-${name}-rate`}>{tone === 'quiet' ? service.state : rate}</span>
      </div>
    </a>
  )
}
