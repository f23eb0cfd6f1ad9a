import type { CertificateWay } from '../../contracts/auth.ts'
import type { Clock } from '../../platform/capability.ts'
import type { PolicyExchange } from '../policies/policy.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import { type Identity, identityOfCertificate, missingOf } from './identity.ts'
import { ABSENT, type Outcome, refused } from './outcome.ts'

/** Judges the certificate of the client: believed, still valid, by one of the authorities, and with one of the names. */
export function compileCertificateWay(
  way: CertificateWay,
  clock: Clock,
): (exchange: PolicyExchange) => Outcome {
  // A certificate lives as long as its connection: who it is of is found out once.
  const known = new WeakMap<ClientCertificate, Identity>()
  return ({ clientCertificate: shown }) => {
    if (shown === null) return ABSENT
    if (shown.fault !== '') return refused(`${shown.subject} is not believed: ${shown.fault}`)
    if (shown.notAfterMs <= clock.nowMs())
      return refused(`${shown.subject} has expired while its connection was open`)
    const { authorities, names } = way
    if (authorities.length > 0 && !authorities.some((name) => shown.authorities.includes(name)))
      return refused(`${shown.subject} is signed by ${shown.authorities.join(', ')}`)
    if (names.length > 0 && !names.some((name) => hasName(shown, name)))
      return { kind: 'forbidden', why: `${shown.subject} has none of the names that may call` }
    const identity = known.get(shown) ?? identityOfCertificate(shown)
    known.set(shown, identity)
    const missing = missingOf(identity, way)
    return missing === undefined
      ? { kind: 'granted', identity }
      : { kind: 'forbidden', why: missing }
  }
}

function hasName({ names }: ClientCertificate, wanted: string): boolean {
  if (!wanted.endsWith('*')) return names.includes(wanted)
  const start = wanted.slice(0, -1)
  return names.some((name) => name.startsWith(start))
}
