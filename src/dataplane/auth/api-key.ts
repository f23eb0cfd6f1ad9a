import { hash, timingSafeEqual } from 'node:crypto'
import type { Grantee, KeyWay } from '../../contracts/auth.ts'
import { type Identity, identityOfGrantee, missingOf } from './identity.ts'
import { ABSENT, type Outcome, refused } from './outcome.ts'

const KEY_LENGTH_MAX = 1_024

/** Judges a random key in a header. What is looked up is its hash: how long that takes says nothing of the keys that there are. */
export function compileKeyWay(way: KeyWay): (value: string | undefined) => Outcome {
  const known = new Map<string, { readonly digest: Buffer; readonly identity: Identity }>()
  for (const key of way.keys) {
    const grantee: Grantee = key
    known.set(key.sha256, {
      digest: Buffer.from(key.sha256, 'hex'),
      identity: identityOfGrantee('key', grantee),
    })
  }
  return (value) => {
    if (value === undefined) return ABSENT
    if (value.length > KEY_LENGTH_MAX) return refused('the key is longer than any key is')
    const digest = hash('sha256', value, 'buffer')
    const found = known.get(digest.toString('hex'))
    if (found === undefined || !timingSafeEqual(digest, found.digest))
      return refused(`the value of ${way.header} is no key of this route`)
    const missing = missingOf(found.identity, way)
    if (missing !== undefined) return { kind: 'forbidden', why: missing }
    return { kind: 'granted', identity: found.identity }
  }
}
