import { randomBytes } from 'node:crypto'
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server'
import type { SqlRow } from '../../../platform/storage/messages.ts'
import type { Ledger } from '../engines/ledger.ts'
import type { EntryStore } from '../store/entries.ts'
import { hashOf } from '../store/hash.ts'
import type { Account } from './accounts.ts'

/** A challenge that was not answered by then is none any more. */
const CHALLENGE_MS = 5 * 60_000
/** Keys of one account. */
export const PASSKEYS_MAX = 20

/** A key that opens an account. */
export interface Passkey {
  /** Of the credential, base64url. */
  readonly id: string
  readonly account: string
  readonly name: string
  readonly createdMs: number
}

/** Passkeys (WebAuthn): user verification is demanded, so one is a sign-in by itself. */
export interface Passkeys {
  list(account: string): Promise<readonly Passkey[]>
  /** What the browser is to make; `bound` names the session that may answer. */
  beginAdding(account: Account, bound: string): Promise<PublicKeyCredentialCreationOptionsJSON>
  /** False where the answer is not good, or comes twice. */
  finishAdding(account: Account, bound: string, response: unknown, name: string): Promise<boolean>
  beginSignIn(bound: string): Promise<PublicKeyCredentialRequestOptionsJSON>
  /** The account that the answer opens. Of two with one challenge, one is taken. */
  finishSignIn(bound: string, response: unknown): Promise<string | undefined>
  remove(account: string, id: string): Promise<boolean>
}

/** What it stands on. */
export interface PasskeyGround {
  readonly ledger: Ledger
  readonly entries: EntryStore
  readonly nowMs: () => number
  readonly issuer: string
  readonly system: string
}

/** Loads the library when somebody uses a passkey first. */
export function createPasskeys(ground: PasskeyGround): Passkeys {
  const { ledger, entries, nowMs, issuer, system } = ground
  const { hostname: rpID, origin } = new URL(issuer)
  const library = () => import('@simplewebauthn/server')

  async function challengeFor(bound: string) {
    const challenge = randomBytes(32)
    await entries.put({
      kind: 'Challenge',
      id: hashOf(`Challenge ${bound}`, challenge.toString('base64url')),
      payload: '{}',
      expiresMs: nowMs() + CHALLENGE_MS,
    })
    return challenge
  }

  /** Takes the challenge; false where there is none for this session. */
  async function takeChallenge(bound: string, challenge: string): Promise<boolean> {
    const use = await entries.consume('Challenge', hashOf(`Challenge ${bound}`, challenge))
    return use === 'first'
  }

  return {
    list: (account) => listPasskeys(ledger, account),
    async beginAdding(account, bound) {
      const { generateRegistrationOptions } = await library()
      const known = await listPasskeys(ledger, account.id)
      return generateRegistrationOptions({
        rpName: system,
        rpID,
        userName: account.login,
        userID: Buffer.from(account.id),
        challenge: await challengeFor(bound),
        attestationType: 'none',
        excludeCredentials: known.map(({ id }) => ({ id })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
    },
    async finishAdding(account, bound, response, name) {
      const { verifyRegistrationResponse } = await library()
      try {
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          response: response as RegistrationResponseJSON,
          expectedChallenge: (challenge) => takeChallenge(bound, challenge),
          expectedOrigin: origin,
          expectedRPID: rpID,
          requireUserVerification: true,
        })
        if (!verified || registrationInfo === undefined) return false
        const { credential } = registrationInfo
        return await storePasskey(ledger, nowMs(), account.id, name, credential)
      } catch {
        return false
      }
    },
    async beginSignIn(bound) {
      const { generateAuthenticationOptions } = await library()
      const challenge = await challengeFor(bound)
      return generateAuthenticationOptions({ rpID, challenge, userVerification: 'required' })
    },
    async finishSignIn(bound, response) {
      const { verifyAuthenticationResponse } = await library()
      const row = await findPasskey(ledger, (response as { id?: unknown } | null)?.id)
      if (row === undefined) return undefined
      try {
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          response: response as AuthenticationResponseJSON,
          expectedChallenge: (challenge) => takeChallenge(bound, challenge),
          expectedOrigin: origin,
          expectedRPID: rpID,
          requireUserVerification: true,
          credential: {
            id: String(row['id']),
            publicKey: new Uint8Array(Buffer.from(String(row['public_key']), 'base64url')),
            counter: Number(row['counter']),
          },
        })
        if (!verified) return undefined
        const isCounted = await countUse(ledger, row, authenticationInfo.newCounter)
        return isCounted ? String(row['account']) : undefined
      } catch {
        return undefined
      }
    },
    async remove(account, id) {
      const outcome = await ledger.commit([
        {
          sql: 'DELETE FROM identity_passkeys WHERE account = ? AND id = ?',
          params: [account, id],
          expects: 1,
        },
      ])
      return outcome.outcome === 'committed'
    },
  }
}

async function listPasskeys(ledger: Ledger, account: string): Promise<readonly Passkey[]> {
  const rows = await ledger.read(
    'SELECT id, account, name, created_ms FROM identity_passkeys WHERE account = ? ORDER BY created_ms',
    [account],
  )
  return rows.map((row) => ({
    id: String(row['id']),
    account: String(row['account']),
    name: String(row['name']),
    createdMs: Number(row['created_ms']),
  }))
}

async function findPasskey(ledger: Ledger, id: unknown): Promise<SqlRow | undefined> {
  if (typeof id !== 'string' || id.length > 2048) return undefined
  const [row] = await ledger.read('SELECT * FROM identity_passkeys WHERE id = ?', [id])
  return row
}

async function storePasskey(
  ledger: Ledger,
  nowMs: number,
  account: string,
  name: string,
  credential: {
    readonly id: string
    readonly publicKey: Uint8Array
    readonly counter: number
    readonly transports?: readonly string[]
  },
): Promise<boolean> {
  const outcome = await ledger.commit(
    [
      {
        sql: `SELECT 1 AS full_up WHERE (SELECT count(*) FROM identity_passkeys WHERE account = ?) >= ${PASSKEYS_MAX}`,
        params: [account],
        expects: 0,
      },
      {
        sql: 'INSERT INTO identity_passkeys (id, account, name, public_key, counter, transports, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
        params: [
          credential.id,
          account,
          name,
          Buffer.from(credential.publicKey).toString('base64url'),
          credential.counter,
          JSON.stringify(credential.transports ?? []),
          nowMs,
        ],
      },
    ],
    `passkeys ${account}`,
  )
  return outcome.outcome === 'committed'
}

/** A counter that does not rise is a copy of the key (WebAuthn section 6.1.1); many keys count nothing and stay at 0. */
async function countUse(ledger: Ledger, row: SqlRow, counter: number): Promise<boolean> {
  if (counter === 0 && Number(row['counter']) === 0) return true
  const outcome = await ledger.commit([
    {
      sql: 'UPDATE identity_passkeys SET counter = ? WHERE id = ? AND counter < ?',
      params: [counter, row['id'] ?? '', counter],
      expects: 1,
    },
  ])
  return outcome.outcome === 'committed'
}
