import type { RunningView } from './api.ts'
import type { Slot } from './service-run.ts'

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
    lastLines: state !== undefined && 'lastLines' in state ? state.lastLines : [],
  }
}

function exitOf(slot: Slot): string {
  const state = slot.status?.state
  if (state?.state === 'failed') return state.message
  if (state === undefined || !('exit' in state)) return ''
  const { code, signal } = state.exit
  return signal === null ? `exit code ${code}` : `ended by ${signal}`
}
