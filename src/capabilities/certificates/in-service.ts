import type { CertificateOp } from '../../contracts/certificates.ts'
import {
  type ClientAuthorities,
  decideAuthorities,
  differenceOfAuthorities,
} from './client-authorities.ts'
import { CertificateError } from './errors.ts'
import { decideHolding, differenceOf, type Holding } from './held.ts'
import type { Look } from './look.ts'
import { decideTrusts, differenceOfTrusts, type Trusts } from './trusts.ts'

/** Everything that the data plane has been told of certificates, and what is wrong with any of it. */
export interface InService {
  /** Its faults are those of all three. */
  readonly holding: Holding
  readonly trusts: Trusts
  readonly authorities: ClientAuthorities
}

/** Before the first look. */
export const NOTHING_IN_SERVICE: InService = {
  holding: { held: [], faults: [] },
  trusts: { held: [], faults: [] },
  authorities: { held: [], faults: [] },
}

/** What is in service after a look, and what the data plane must be told so that it is. */
export function decideInService(
  before: InService,
  look: Look,
): { readonly after: InService; readonly ops: readonly CertificateOp[] } {
  const holding = decideHolding(before.holding, look.wanted)
  const trusts = decideTrusts(before.trusts, look.trusts)
  const authorities = decideAuthorities(before.authorities, look.authorities)
  const ofFolders = look.found.faults.map((error) => ({ error, isServed: false }))
  const faults = [...ofFolders, ...holding.faults, ...trusts.faults, ...authorities.faults]
  return {
    after: { holding: { held: holding.held, faults }, trusts, authorities },
    ops: [
      ...differenceOf(before.holding, holding),
      ...differenceOfTrusts(before.trusts, trusts),
      ...differenceOfAuthorities(before.authorities, authorities),
    ],
  }
}

/** What a reload names for the first time and cannot be used: it refuses the reload. What is in service already stays as it is. */
export function newFaults(
  { holding, trusts, authorities }: InService,
  look: Look,
): readonly CertificateError[] {
  const known = new Set(holding.held.map(({ id }) => id))
  const trusting = new Set(trusts.held.map(({ service }) => service))
  const signing = new Set(authorities.held.map(({ name }) => name))
  return [
    ...look.wanted.filter(({ id, isNamed }) => isNamed && !known.has(id)),
    ...look.trusts.filter(({ service }) => !trusting.has(service)),
    ...look.authorities.filter(({ name }) => !signing.has(name)),
  ].flatMap(({ found }) => (found instanceof CertificateError ? [found] : []))
}
