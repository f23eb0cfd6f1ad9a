import type { AdminSocket, Boot } from '../contracts/supervisor.ts'
import type { Clock } from '../platform/capability.ts'
import type { OperatorStreams } from './operator-lines.ts'
import type { HeartbeatLimits } from './own/heartbeat-watch.ts'
import type { OwnProcessSpec } from './own/own-process-spec.ts'

/** What `backplane up` gives. */
export interface SupervisorOptions extends OperatorStreams {
  /** The paths of sockets are added here. */
  readonly boot: Omit<Boot, 'snapshotSocket' | 'recordsSocket' | 'adminSocket' | 'adminSockets'>
  /** Our own processes, in the order of their start. */
  readonly own: readonly OwnProcessSpec[]
  /** For the Node that runs them. */
  readonly nodeArgs: readonly string[]
  /** Its timers keep this process alive. */
  readonly clock: Clock
  /** Default: `HEARTBEAT_LIMITS`. */
  readonly heartbeat?: HeartbeatLimits
}

/** Where the sockets of this system are. */
export interface SocketPaths {
  readonly snapshot: string
  readonly records: string
  readonly admin: readonly AdminSocket[]
}
