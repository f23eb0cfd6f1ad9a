import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { IdentityClient, IdentityState } from '../../../contracts/identity-state.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { IdentityHouse } from '../house.ts'
import { secretHashOf } from '../store/hash.ts'

/** An issuer that a test has started. */
export interface TestIssuer {
  readonly house: IdentityHouse
  readonly issuer: string
  /** Where this node is reached; all URLs that it tells are the issuer's. */
  readonly origin: string
  readonly folder: string
  readonly logged: readonly string[]
  /** Moves the time that our own code sees; the library keeps the system's. */
  readonly clock: { shiftMs: number }
  /** Puts other settings into force. */
  apply(change: Partial<IdentityState>): Promise<void>
}

/** A client of a test, public without a secret. */
export function testClient(
  id: string,
  more: Partial<IdentityClient> & { readonly secret?: string } = {},
): IdentityClient {
  const { secret, ...rest } = more
  return {
    id,
    name: undefined,
    secretHash: secret === undefined ? undefined : secretHashOf(secret),
    auth: secret === undefined ? 'none' : 'client_secret_basic',
    jwks: undefined,
    jwksUri: undefined,
    redirectUris: [],
    logoutUris: [],
    backchannelLogoutUri: undefined,
    grants: ['client_credentials'],
    scopes: [],
    isNative: false,
    needsConsent: false,
    needsPush: false,
    needsDpop: false,
    ...rest,
  }
}

const HOUR_MS = 3_600_000

/** Settings with cheap hashes. */
export function testState(issuer: string, more: Partial<IdentityState> = {}): IdentityState {
  return {
    listen: { default: 'off' },
    portBefore: 0,
    system: 'shop',
    issuer,
    audience: 'urn:backplane:shop',
    postgres: undefined,
    masterKey: undefined,
    resources: [],
    clients: [],
    accounts: {
      mayRegister: true,
      passwordLengthMin: 12,
      hashing: { memoryKib: 64, passes: 1, concurrency: 2 },
    },
    keys: { algs: ['ES256', 'EdDSA'], rotationMs: 720 * HOUR_MS, overlapMs: 24 * HOUR_MS },
    lifetimes: {
      accessTokenMs: 600_000,
      idTokenMs: HOUR_MS,
      refreshTokenMs: 336 * HOUR_MS,
      sessionMs: 336 * HOUR_MS,
      codeMs: 60_000,
      deviceCodeMs: 600_000,
      graceMs: 10_000,
    },
    mayRegisterClients: true,
    look: {},
    ...more,
  }
}

/** Starts an issuer on a free port of loopback, with its own folder; it ends with the test. */
export async function startTestIssuer(
  t: Pick<TestContext, 'after'>,
  more: Partial<IdentityState> | ((origin: string) => Partial<IdentityState>) = {},
  { folder = makeFolder(t) }: { folder?: string } = {},
): Promise<TestIssuer> {
  let house: IdentityHouse | undefined
  const server = createServer((request, response) => house?.handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const origin = `http://localhost:${port}`
  const shift = { shiftMs: 0 }
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + shift.shiftMs }
  const logged: string[] = []
  const log: Log = (level, message, fields) =>
    void logged.push(JSON.stringify({ level, message, fields }))
  let state = testState(`${origin}/identity`, typeof more === 'function' ? more(origin) : more)
  house = await IdentityHouse.open({ folder, state, clock, log, changed: () => {} })
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await house?.close()
  })
  await house.apply(state)
  return {
    house,
    issuer: state.issuer,
    origin,
    folder,
    logged,
    clock: shift,
    async apply(change) {
      state = { ...state, ...change }
      await house?.apply(state)
    },
  }
}

/** A folder that goes with the test. */
export function makeFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-identity-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
