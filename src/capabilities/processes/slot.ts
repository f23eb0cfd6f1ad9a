import type { ProcessSpec, ProcessStatus } from '../../contracts/supervisor.ts'

/** One place of a service, with the process that is in it. */
export interface Slot {
  readonly number: number
  spec: ProcessSpec
  /** Below the one of the service: it is replaced. */
  generation: number
  status: ProcessStatus | undefined
  isRetiring: boolean
  /** The first to go when there are fewer. */
  isUnwanted: boolean
  /** Given to discovery with this port; 0: not there. */
  registeredPort: number
}
