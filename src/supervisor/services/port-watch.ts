import { basename } from 'node:path'
import type { Clock } from '../../platform/capability.ts'
import type { PortUser } from '../../contracts/supervisor.ts'
import { RUN_MARK_NAME } from '../left-overs.ts'
import { hasEnvironment } from '../process-facts.ts'
import { findPortHolders, type PortHolder } from './port-holder.ts'

/** A program that listens soon is in rotation soon; one that is slow, or has lost its port to another, is looked at less often. */
const POLL_MS = 50
const QUICK_POLLS = 100
const SLOW_POLL_MS = 2_000

/** Programs that let somebody else listen for them, who has neither their group nor their environment. */
const HELPED = new Set(['docker', 'podman', 'nerdctl', 'kubectl', 'ssh', 'sudo'])

/** Whose port is looked at. */
export interface PortWatchTarget {
  readonly port: number
  /** Process group of the instance. */
  readonly group: number
  readonly id: string
  readonly program: string
  /** Value of BACKPLANE_RUN. */
  readonly mark: string
}

/**
 * Looks who listens on the fixed port of an instance until that is the instance itself: a member of its process group, or a process with its environment, which
 * children keep also where they leave the group. Whoever else listens there would be called healthy and be sent its requests. Where it cannot be known (no
 * `/proc`, a process of another user, a program that has others listen for it) it is taken for the instance. Tells each change; returns the end of it.
 */
export function watchPort(
  target: PortWatchTarget,
  clock: Clock,
  onUser: (user: PortUser) => void,
  find: (port: number) => readonly PortHolder[] = findPortHolders,
): () => void {
  let cancel = (): void => {}
  let polls = 0
  let told = ''

  function look(): void {
    const user = judge(target, find(target.port))
    const key = JSON.stringify(user)
    if (key !== told) {
      told = key
      onUser(user)
    }
    if (user.kind === 'own') return
    cancel = clock.after(++polls < QUICK_POLLS ? POLL_MS : SLOW_POLL_MS, look)
  }

  look()
  return () => cancel()
}

function judge(target: PortWatchTarget, holders: readonly PortHolder[]): PortUser {
  if (process.platform !== 'linux' || HELPED.has(basename(target.program))) return { kind: 'own' }
  const [first] = holders
  if (first === undefined) return { kind: 'nobody' }
  if (holders.some((holder) => isOf(target, holder))) return { kind: 'own' }
  return { kind: 'other', pid: first.pid, name: first.name }
}

function isOf({ id, mark, group }: PortWatchTarget, holder: PortHolder): boolean {
  const { pid } = holder
  if (pid === 0 || holder.group === group) return true
  return hasEnvironment(pid, RUN_MARK_NAME, mark) && hasEnvironment(pid, 'BACKPLANE_INSTANCE', id)
}
