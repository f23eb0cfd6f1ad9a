import type { CheckSpec, CheckStatus } from './check-spec.ts'
import { CheckRecord, InstanceRecord, noChecks, type CheckOwner } from './records.ts'

/** Whether the check is run from here, instead of being told. */
export function isActive(kind: CheckSpec['kind']): boolean {
  return kind === 'http' || kind === 'tcp' || kind === 'grpc' || kind === 'exec'
}

/** Checks of twins and then those of the instance itself: ids that a client has given stay as they are. */
export function withTwins(
  twins: InstanceRecord['twins'],
  own: readonly CheckSpec[],
): readonly CheckSpec[] {
  if (twins.length === 0) return own
  const said = twins.flatMap(({ checks }) => checks)
  // Its own checks vouch for an instance in rotation until another one has run for the first time.
  return [...said.map((spec) => (isActive(spec.kind) ? withoutStart(spec) : spec)), ...own]
}

/** The specifications of the checks that are its own. */
export function ownChecksOf({ checks, twins }: InstanceRecord): readonly CheckSpec[] {
  const count = twins.reduce((sum, one) => sum + one.checks.length, 0)
  return checks.slice(count).map(({ spec }) => spec)
}

function withoutStart({ initially: _initially, ...spec }: CheckSpec): CheckSpec {
  return spec
}

/** Records of checks that have not run. An id that is used twice gets a number. */
export function createChecks(
  specs: readonly CheckSpec[],
  owner: CheckOwner,
  initially: CheckStatus | undefined,
): readonly CheckRecord[] {
  if (specs.length === 0) return noChecks
  const ids = new Set<string>()
  return specs.map((spec) => {
    const wanted = spec.id ?? spec.kind
    let id = wanted
    for (let count = 2; ids.has(id); count++) id = `${wanted}-${count}`
    ids.add(id)
    const first = spec.initially ?? initially ?? (spec.kind === 'ttl' ? 'critical' : 'unknown')
    return new CheckRecord(id, spec, owner, first)
  })
}

/**
 * New checks of the same process go on where the old ones stood. An active one that is new starts as passing where the
 * instance is in rotation: another question is no reason to stop its requests.
 */
export function inheritChecks(
  before: readonly CheckRecord[],
  isRoutable: boolean,
  checks: readonly CheckRecord[],
): void {
  for (const check of checks) {
    const known = before.find((one) => one.id === check.id && one.kind === check.kind)
    if (known !== undefined) {
      check.status = known.status
      check.output = known.output
      check.atMs = known.atMs
      check.durationMs = known.durationMs
      check.createIndex = known.createIndex
      check.modifyIndex = known.modifyIndex
    } else if (isActive(check.kind) && isRoutable && check.spec.initially === undefined) {
      check.status = 'passing'
    }
  }
}

/** Where an owner's checks are made, where they name no place of their own. */
export function addressOf(owner: CheckOwner): { readonly host: string; readonly port: number } {
  if (owner instanceof InstanceRecord) return { host: owner.host, port: owner.port }
  return { host: owner.address === '' ? '127.0.0.1' : owner.address, port: 0 }
}
