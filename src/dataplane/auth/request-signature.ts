import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SignatureWay } from '../../contracts/auth.ts'
import {
  checkSignature,
  parseRequestSignature,
  SIGNATURE_FAULTS,
  signatureBase,
  type SignatureFault,
  type SignedRequest,
} from '../../mechanisms/http-signature/http-signature.ts'
import type { Clock } from '../../platform/capability.ts'
import type { PolicyExchange } from '../policies/policy.ts'
import { type Identity, identityOfGrantee, missingOf } from './identity.ts'
import { ABSENT, type Outcome, refused } from './outcome.ts'

interface Signer {
  readonly secret: string
  readonly identity: Identity
}

/** Judges the signature of a request (RFC 9421) with a shared secret. */
export function compileSignatureWay(
  way: SignatureWay,
  clock: Clock,
): (exchange: PolicyExchange) => Outcome {
  const signers = new Map<string, Signer>()
  for (const { secret, ...grantee } of way.keys)
    signers.set(grantee.id, { secret, identity: identityOfGrantee('signature', grantee) })
  return (exchange) => {
    const input = exchange.header('signature-input')
    const signature = exchange.header('signature')
    if (input === undefined && signature === undefined) return ABSENT
    const found = findSigner(way, signers, exchange, input ?? '', signature ?? '', clock)
    if (typeof found === 'string') return refused(SIGNATURE_FAULTS[found])
    const missing = missingOf(found.identity, way)
    if (missing !== undefined) return { kind: 'forbidden', why: missing }
    return { kind: 'granted', identity: found.identity }
  }
}

function findSigner(
  way: SignatureWay,
  signers: ReadonlyMap<string, Signer>,
  exchange: PolicyExchange,
  input: string,
  field: string,
  clock: Clock,
): Signer | SignatureFault {
  const signature = parseRequestSignature(input, field)
  if (typeof signature === 'string') return signature
  const fault = checkSignature(signature, way, clock.nowMs() / 1_000)
  if (fault !== undefined) return fault
  const signer = signers.get(signature.keyId)
  if (signer === undefined) return 'key-unknown'
  const base = signatureBase(signature, signedRequest(exchange))
  if (base === undefined) return 'field-missing'
  const own = createHmac('sha256', signer.secret).update(base, 'latin1').digest()
  const { signature: theirs } = signature
  return own.length === theirs.length && timingSafeEqual(own, theirs) ? signer : 'wrong'
}

function signedRequest(exchange: PolicyExchange): SignedRequest {
  const { method, scheme, path, query, host } = exchange
  const authority = host.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '')
  return { method, scheme, authority, path, query, field: (name) => exchange.header(name) }
}
