import type { IdentityReport, IdentityState } from '../../../contracts/identity-state.ts'
import type { StateReport } from '../../../contracts/state.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { parseHostPort } from '../../../platform/config/addresses.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import { openStateSender, type StateSender } from '../../../platform/state/sender.ts'
import type { OwnWanted } from '../../../platform/own-wanted.ts'
import { identityState, type IdentityControlConfig } from './state.ts'

/** How long a start waits for identity to say that it is there. */
const OPEN_WAIT_MS = 5_000

/** What it stands on. */
export interface IdentityControlNeeds {
  /** Unix socket on which identity listens. */
  readonly socketPath: string
  readonly ownWanted: OwnWanted
  readonly listeners: Pick<ListenerBoard, 'reportOfOther'>
}

/** What others may ask of it. */
export interface IdentityControl {
  /** Resolves when identity has its first settings in force, or says why not; at once where there is none, after a while in any case. */
  readonly opened: Promise<void>
  /** Issuer, default audience and the keys that verify its tokens; undefined before they are known, and where there is no identity. */
  issuer(): IdentityReport | undefined
  /** Calls back when what `issuer` says is another. */
  onIssuer(listener: () => void): void
}

/** Wants the process where the file has the section, tells it everything, and hears which keys it signs with. */
export function startIdentityControl(
  config: IdentityControlConfig,
  { socketPath, ownWanted, listeners }: IdentityControlNeeds,
  scope: Scope,
): Part<IdentityControlConfig, IdentityControl> {
  let current = config
  let sender: StateSender<IdentityState, IdentityReport> | undefined
  let portBefore = 0
  let known: IdentityReport | undefined
  const watchers: (() => void)[] = []
  const opened = Promise.withResolvers<void>()

  /** Keys that are known outlive the process: what was signed is verified while it is away. */
  const learn = (next: IdentityReport | undefined): void => {
    if (JSON.stringify(next) === JSON.stringify(known)) return
    known = next
    for (const watcher of watchers) watcher()
  }
  const hear = ({ listeners: reports, version, more }: StateReport<IdentityReport>): void => {
    for (const { name, address, error } of reports) {
      const at = parseHostPort(address)
      if (at === undefined) continue
      listeners.reportOfOther(name, at, error)
      if (error === '') portBefore = at.port
    }
    if (more !== undefined && more.keys.length > 0) learn(more)
    if (version > 0) opened.resolve()
  }
  const tell = (): void => {
    const { identity } = current
    ownWanted.set('identity', identity !== undefined)
    if (identity === undefined) {
      sender?.close()
      sender = undefined
      learn(undefined)
      opened.resolve()
      return
    }
    if (sender === undefined) {
      sender = openStateSender({ socketPath, clock: scope.clock, log: scope.log })
      sender.onReport(hear)
    }
    sender.publish(identityState(current, identity, portBefore))
  }

  scope.onStop(() => sender?.close())
  scope.clock.after(OPEN_WAIT_MS, opened.resolve)
  tell()
  return {
    api: {
      opened: opened.promise,
      issuer: () => known,
      onIssuer: (watcher) => void watchers.push(watcher),
    },
    prepare: (next) => ({
      commit() {
        current = next
        tell()
      },
    }),
    problems: () => (sender?.report()?.problems ?? []) as readonly Problem[],
  }
}
