import type { IdentityReport, IdentityState } from '../../../contracts/identity-state.ts'
import type { StateReport } from '../../../contracts/state.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { parseHostPort } from '../../../platform/config/addresses.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import { openStateSender, type StateSender } from '../../../platform/state/sender.ts'
import type { OwnWanted } from '../../../platform/own-wanted.ts'
import { OWN_ISSUER, type IssuerOp } from '../../../contracts/issuers.ts'
import { readPublicJwk } from '../../../mechanisms/jwt/algorithms.ts'
import type { KnownKeys } from './known-keys.ts'
import { identityState, type IdentityControlConfig } from './state.ts'

/** How long a start waits for identity to say that it is there. */
const OPEN_WAIT_MS = 5_000

/** What it stands on. */
export interface IdentityControlNeeds {
  /** Unix socket on which identity listens. */
  readonly socketPath: string
  readonly ownWanted: OwnWanted
  readonly listeners: Pick<ListenerBoard, 'reportOfOther'>
  readonly knownKeys: KnownKeys
  /** Resolves when every worker of the gateway has it. */
  readonly publish: (ops: readonly IssuerOp[]) => Promise<unknown>
}

/** What others may ask of it. */
export interface IdentityControl {
  /** Resolves when identity has its first settings in force, or says why not; at once where there is none, after a while in any case. */
  readonly opened: Promise<void>
}

/** Wants the process where the file has the section, tells it everything, and hears which keys it signs with. */
export function startIdentityControl(
  config: IdentityControlConfig,
  { socketPath, ownWanted, listeners, knownKeys, publish }: IdentityControlNeeds,
  scope: Scope,
): Part<IdentityControlConfig, IdentityControl> {
  let current = config
  let sender: StateSender<IdentityState, IdentityReport> | undefined
  let portBefore = 0
  let known: IdentityReport | undefined
  let published = 0
  const opened = Promise.withResolvers<void>()

  /** Keys that are known outlive the process: what was signed is verified while it is away. */
  const learn = async (next: IdentityReport | undefined): Promise<void> => {
    if (JSON.stringify(next) === JSON.stringify(known)) return
    known = next
    const saved = next === knownKeys.last ? undefined : knownKeys.save(next)
    await Promise.all([saved, publish([issuerOp(next, ++published)])]).catch((error: unknown) =>
      scope.log('error', 'signing keys cannot be told or kept', { error }),
    )
  }
  const hear = ({ listeners: reports, version, more }: StateReport<IdentityReport>): void => {
    for (const { name, address, error } of reports) {
      const at = parseHostPort(address)
      if (at === undefined) continue
      listeners.reportOfOther(name, at, error)
      if (error === '') portBefore = at.port
    }
    if (more !== undefined && more.keys.length > 0) void learn(more)
    if (version > 0) opened.resolve()
  }
  const tell = (): void => {
    const { identity } = current
    ownWanted.set('identity', identity !== undefined)
    if (identity === undefined) {
      sender?.close()
      sender = undefined
      void learn(undefined)
      opened.resolve()
      return
    }
    if (sender === undefined) {
      sender = openStateSender({ socketPath, clock: scope.clock, log: scope.log })
      sender.onReport(hear)
    }
    sender.publish(identityState(current, identity, portBefore))
  }

  if (config.identity !== undefined && knownKeys.last !== undefined) void learn(knownKeys.last)

  scope.onStop(() => sender?.close())
  scope.clock.after(OPEN_WAIT_MS, opened.resolve)
  tell()
  return {
    api: {
      opened: opened.promise,
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

/** Our issuer for the gateway, whole: every key that is published, also those that do not sign yet or any more. */
function issuerOp(report: IdentityReport | undefined, asked: number): IssuerOp {
  if (report === undefined) return { op: 'issuer-gone', name: OWN_ISSUER }
  const keys = report.keys.flatMap((jwk) => {
    const read = readPublicJwk(jwk)
    return typeof read === 'string' ? [] : read
  })
  return { op: 'issuer', issuer: { name: OWN_ISSUER, issuer: report.issuer, keys, asked } }
}
