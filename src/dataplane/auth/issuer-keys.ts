import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import type { IssuerOp, IssuerSpec } from '../../contracts/issuers.ts'
import {
  isSameAlgorithm,
  type JwsAlgorithm,
  type VerificationKey,
} from '../../mechanisms/jwt/algorithms.ts'

/** A key that is ready to verify, and whose it is. */
export interface ReadyKey {
  /** Name of the issuer. */
  readonly issuer: string
  readonly kid: string
  readonly alg: JwsAlgorithm
  readonly key: KeyObject
}

/** One issuer as a worker has it. */
export interface ReadyIssuer {
  readonly spec: IssuerSpec
  readonly keys: readonly ReadyKey[]
}

/** Keys that a token without a key's name is tried with, or several of one name. */
const CANDIDATES_MAX = 4

/** The issuers that this worker knows. Who verified something with their keys is told when they change. */
export class IssuerKeys {
  readonly #issuers = new Map<string, ReadyIssuer>()
  readonly #changed: (name: string) => void
  readonly #asked: (name: string) => void

  /** `changed`: the keys of an issuer are others from now on. `asked`: its issuer was asked, whatever came of it. */
  constructor(changed: (name: string) => void, asked: (name: string) => void) {
    this.#changed = changed
    this.#asked = asked
  }

  /** A key that cannot be used throws, and nothing has changed. */
  apply(op: IssuerOp): void {
    if (op.op === 'issuer-gone') {
      if (this.#issuers.delete(op.name)) this.#changed(op.name)
      return
    }
    const { name, keys, issuer } = op.issuer
    const known = this.#issuers.get(name)
    const isSame =
      known?.spec.issuer === issuer && JSON.stringify(known.spec.keys) === JSON.stringify(keys)
    const ready = isSame ? known.keys : keys.map((key) => readyKey(name, key))
    this.#issuers.set(name, { spec: op.issuer, keys: ready })
    if (!isSame) this.#changed(name)
    this.#asked(name)
  }

  /** After a reset there are these, and no others. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#issuers.keys()) {
      if (!names.has(name)) this.apply({ op: 'issuer-gone', name })
    }
  }

  of(name: string): ReadyIssuer | undefined {
    return this.#issuers.get(name)
  }

  /**
   * Keys of these issuers that a token may be signed with. With a `kid`: those of this name, also of another algorithm, so that a confusion of keys can be
   * told from an unknown key. Without: those of the algorithm.
   */
  candidates(names: readonly string[], kid: string, alg: JwsAlgorithm): readonly ReadyKey[] {
    const found: ReadyKey[] = []
    for (const name of names) {
      for (const key of this.#issuers.get(name)?.keys ?? []) {
        if (kid === '' ? !isSameAlgorithm(key.alg, alg) : key.kid !== kid) continue
        if (found.length > CANDIDATES_MAX) return found
        found.push(key)
      }
    }
    return found
  }

  /** More than that many fit: it is not clear which key is meant. */
  get candidatesMax(): number {
    return CANDIDATES_MAX
  }
}

function readyKey(issuer: string, { kid, alg, jwk }: VerificationKey): ReadyKey {
  const key =
    jwk['kty'] === 'oct'
      ? createSecretKey(jwk['k'] ?? '', 'base64url')
      : createPublicKey({ key: { ...jwk }, format: 'jwk' })
  return { issuer, kid, alg, key }
}
