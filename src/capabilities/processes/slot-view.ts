import type { ProcessState } from '../../contracts/supervisor.ts'
import type { RunningView } from './api.ts'
import type { Slot } from './slot.ts'

/** One slot as people are told of it. */
export function viewSlot(slot: Slot): RunningView {
  const port = portOf(slot)
  return {
    id: slot.spec.id,
    address: port === 0 ? '' : `127.0.0.1:${port}`,
    isRetiring: slot.isRetiring,
    process: viewProcess(slot),
  }
}

function portOf({ status }: Slot): number {
  const state = status?.state
  return state?.state === 'running' || state?.state === 'stopping' ? state.port : 0
}

function viewProcess(slot: Slot): RunningView['process'] {
  const { status } = slot
  const state = status?.state
  return {
    state: state?.state ?? 'starting',
    pid: state !== undefined && 'pid' in state ? state.pid : 0,
    startedAtMs: state?.state === 'running' ? state.startedAtMs : 0,
    restarts: status?.restarts ?? 0,
    exit: exitOf(slot),
    ...codeOf(state),
    ...(state?.state === 'exited' && state.isGivenUp === true && { isGivenUp: true }),
    ...(status?.listensOn !== undefined && { listensOn: status.listensOn }),
    ...(status?.portUser?.kind === 'other' && {
      portTakenBy: { pid: status.portUser.pid, name: status.portUser.name },
    }),
    lastLines: state !== undefined && 'lastLines' in state ? state.lastLines : [],
  }
}

/** Of what could not be started. */
function codeOf(state: ProcessState | undefined): { readonly code?: string } {
  if (state?.state === 'failed') return { code: state.code }
  if (state === undefined || !('failure' in state) || state.failure === undefined) return {}
  return { code: state.failure.code }
}

function exitOf(slot: Slot): string {
  const state = slot.status?.state
  if (state?.state === 'failed') return state.message
  if (state === undefined || !('exit' in state)) return ''
  if ('failure' in state && state.failure !== undefined) return state.failure.message
  const { code, signal } = state.exit
  return signal === null ? `exit code ${code}` : `ended by ${signal}`
}
