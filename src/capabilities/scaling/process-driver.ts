import type { Processes } from '../processes/api.ts'
import type { ServiceRun } from '../processes/service-run.ts'
import type { ScaledInstance, ScaledService } from './scaled-service.ts'

/** A service whose instances are supervised processes, as the scaler sees it. Undefined for one that does not run here. */
export function viewProcesses(
  processes: Pick<Processes, 'service' | 'override'>,
  name: string,
  discovery: { isRoutable(service: string, id: string): boolean },
): ScaledService | undefined {
  const run = processes.service(name)
  if (run === undefined) return undefined
  const override = processes.override(name)
  const instances = run
    .slots()
    .map((slot) => viewInstance(slot, discovery.isRoutable(name, slot.spec.id)))
  return {
    name,
    wantedCount: run.wanted().target,
    override: overrideOf(override),
    isReplacing: run.isReplacing(),
    isCrashing: instances.some(({ phase, isLeaving }) => phase === 'failed' && !isLeaving),
    instances,
  }
}

function overrideOf(override: ReturnType<Processes['override']>): ScaledService['override'] {
  if (override?.isStopped === true) return 'stopped'
  return override?.instances === undefined ? 'none' : 'scaled'
}

function viewInstance(
  slot: ReturnType<ServiceRun['slots']>[number],
  isReady: boolean,
): ScaledInstance {
  const state = slot.status?.state.state
  return {
    id: slot.spec.id,
    phase: phaseOf(state),
    isLeaving: slot.isRetiring || state === 'stopping',
    isReady,
    cpuSeconds: slot.status?.cpuSeconds ?? 0,
  }
}

type StateName = NonNullable<ReturnType<ServiceRun['slots']>[number]['status']>['state']['state']

function phaseOf(state: StateName | undefined): ScaledInstance['phase'] {
  switch (state) {
    case 'running':
    case 'stopping':
      return 'running'
    case undefined:
    case 'backing-off':
      return 'pending'
    case 'crash-looping':
    case 'failed':
    case 'exited':
      return 'failed'
    default:
      return state satisfies never
  }
}
