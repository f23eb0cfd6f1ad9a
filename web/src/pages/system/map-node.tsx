import type { Node, NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import type { ReactNode } from 'react'
import { memo } from 'react'
import { CALLER_SHARED } from '../../../../src/contracts/callers.ts'
import { useSystem } from '../../feed/store.ts'
import {
  callerHistory,
  countHealthy,
  rateHistory,
  toneOfService,
  trafficOf,
} from '../../feed/views.ts'
import { formatRate } from '../../format.ts'
import { hrefOf } from '../../route.ts'
import { SHARED_TEXT } from '../../ui/edge-rows.tsx'
import { Sparkline } from '../../ui/sparkline.tsx'
import { StateDot } from '../../ui/state.tsx'

const HISTORY_TICKS = 60

/** One card of the map: the gateway's clients, services that share listeners, or a service. */
export const MapNode = memo(function MapNode({
  data,
}: NodeProps<Node<{ readonly service: string }>>): ReactNode {
  const { service } = data
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {service === '' && <CallersCard caller="" name="gateway" note="clients" />}
      {service === CALLER_SHARED && (
        <CallersCard caller={CALLER_SHARED} name="services" note="shared" title={SHARED_TEXT} />
      )}
      {service !== '' && service !== CALLER_SHARED && <ServiceCard name={service} />}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  )
})

/** Those who call and are no service: clients, and services that cannot be told apart. */
function CallersCard(props: {
  readonly caller: string
  readonly name: string
  readonly note: string
  readonly title?: string
}): ReactNode {
  const history = callerHistory(useSystem(), props.caller, HISTORY_TICKS)
  return (
    <div
      className={`node ${props.caller === '' ? 'node-gateway' : 'node-shared'}`}
      title={props.title}
    >
      <div className="node-head">
        <strong>{props.name}</strong>
        <span className="muted">{props.note}</span>
      </div>
      <div className="node-foot">
        <Sparkline values={history} count={HISTORY_TICKS} />
        <span data-testid={props.caller === '' ? 'node-gateway-rate' : 'node-@shared-rate'}>
          {formatRate(history.at(-1) ?? 0)}
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
