import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose'
import type { Ledger } from '../engines/ledger.ts'
import type { KeyTimes, KnownKey, SigningAlg } from './key-plan.ts'
import type { Vault } from './vault.ts'

/** Two nodes that make keys follow each other. */
const KEYS_LOCK = 'backplane identity keys'
/** RFC 7518 section 3.3 demands 2048 at least; more costs more for each signature. */
const RSA_BITS = 2048

/** A key with its secret, as the server takes it. */
export interface StoredKey extends KnownKey {
  /** RFC 7517, with `kid`, `alg` and `use`. */
  readonly publicJwk: JWK
  readonly privateJwk: JWK
}

/** Signing keys on the disk, their secrets sealed. */
export interface KeyStore {
  list(): Promise<readonly StoredKey[]>
  /** Makes one, unless another node has made one that signs as late; then nothing happens. */
  add(alg: SigningAlg, times: KeyTimes): Promise<void>
  /** From `untilMs` on nothing new is signed with it; it is published until `removedMs`. */
  retire(kid: string, untilMs: number, removedMs: number): Promise<boolean>
  remove(kids: readonly string[]): Promise<void>
}

/** Stands on either engine. */
export function createKeyStore(ledger: Ledger, vault: Vault): KeyStore {
  return {
    async list() {
      const rows = await ledger.read('SELECT * FROM identity_keys ORDER BY created_ms, kid')
      return rows.map((row) => {
        const kid = String(row['kid'])
        return {
          kid,
          alg: String(row['alg']) as SigningAlg,
          publicJwk: JSON.parse(String(row['public_jwk'])) as JWK,
          privateJwk: JSON.parse(vault.open(`key ${kid}`, String(row['private_jwk']))) as JWK,
          createdMs: Number(row['created_ms']),
          signsFromMs: Number(row['signs_from_ms']),
          signsUntilMs: Number(row['signs_until_ms']),
          removedMs: Number(row['removed_ms']),
        }
      })
    },
    async add(alg, times) {
      const { kid, publicJwk, privateJwk } = await generate(alg)
      await ledger.commit(
        [
          {
            sql: 'SELECT 1 AS found FROM identity_keys WHERE alg = ? AND signs_until_ms >= ?',
            params: [alg, times.signsUntilMs],
            expects: 0,
          },
          {
            sql: 'INSERT INTO identity_keys (kid, alg, public_jwk, private_jwk, created_ms, signs_from_ms, signs_until_ms, removed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
            params: [
              kid,
              alg,
              JSON.stringify(publicJwk),
              vault.seal(`key ${kid}`, JSON.stringify(privateJwk)),
              times.createdMs,
              times.signsFromMs,
              times.signsUntilMs,
              times.removedMs,
            ],
          },
        ],
        KEYS_LOCK,
      )
    },
    async retire(kid, untilMs, removedMs) {
      const outcome = await ledger.commit(
        [
          {
            sql: 'UPDATE identity_keys SET signs_until_ms = ?, removed_ms = ? WHERE kid = ? AND signs_until_ms > ?',
            params: [untilMs, removedMs, kid, untilMs],
            expects: 1,
          },
        ],
        KEYS_LOCK,
      )
      return outcome.outcome === 'committed'
    },
    async remove(kids) {
      if (kids.length === 0) return
      await ledger.commit(
        kids.map((kid) => ({ sql: 'DELETE FROM identity_keys WHERE kid = ?', params: [kid] })),
        KEYS_LOCK,
      )
    },
  }
}

async function generate(alg: SigningAlg) {
  const { publicKey, privateKey } = keyPair(alg)
  const bare = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(bare)
  const more = { kid, alg, use: 'sig' }
  return {
    kid,
    publicJwk: { ...bare, ...more },
    privateJwk: { ...(await exportJWK(privateKey)), ...more },
  }
}

function keyPair(alg: SigningAlg): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (alg) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
  }
}

/** Named secrets that every node needs alike, made by whoever comes first. */
export async function readSecret(
  ledger: Ledger,
  vault: Vault,
  name: string,
  nowMs: number,
): Promise<Buffer> {
  await ledger.commit([
    {
      sql: 'INSERT INTO identity_secrets (name, value, created_ms) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING',
      params: [name, vault.seal(`secret ${name}`, randomBytes(32).toString('base64url')), nowMs],
    },
  ])
  const [row] = await ledger.read('SELECT value FROM identity_secrets WHERE name = ?', [name])
  return Buffer.from(vault.open(`secret ${name}`, String(row?.['value'] ?? '')), 'base64url')
}
