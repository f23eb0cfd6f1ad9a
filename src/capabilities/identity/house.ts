import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { IdentityReport, IdentityState } from '../../contracts/identity-state.ts'
import type { ListenerReport, ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log } from '../../platform/capability.ts'
import { ListenerBoard } from '../../platform/listeners/board.ts'
import { createAccounts, type Accounts } from './accounts/accounts.ts'
import { createPasskeys } from './accounts/passkeys.ts'
import { createPasswords } from './accounts/passwords.ts'
import { createThrottle } from './accounts/throttle.ts'
import type { Ledger } from './engines/ledger.ts'
import { createKeyKeeper, type KeyKeeper } from './keys/key-keeper.ts'
import { createKeyStore, readSecret } from './keys/key-store.ts'
import { readMasterKey } from './keys/master-key.ts'
import { createVault, type Vault } from './keys/vault.ts'
import { listenerRow } from './listener.ts'
import type { PageLook } from './pages/layout.ts'
import { ACCOUNT_CLIENT } from './provider/clients.ts'
import { createServer } from './provider/server.ts'
import { createClientStore, type ClientStore } from './store/clients.ts'
import { createEntryStore, SWEEP_ROWS_MAX, type EntryStore } from './store/entries.ts'
import { identityMigrations } from './store/tables.ts'
import { createBeginLimit } from './web/begin-limit.ts'
import type { WebGround } from './web/exchange.ts'
import { answerIdentity } from './web/answer.ts'

/** What has expired is swept so often; while a step finds all it may take, the next one follows in a moment. */
const SWEEP_MS = 5_000
const SWEEP_AGAIN_MS = 50

/** What it is made of. */
export interface HouseOptions {
  readonly folder: string
  readonly state: IdentityState
  readonly clock: Clock
  readonly log: Log
  /** What is reported of it has changed. */
  readonly changed: () => void
}

/** Secrets that every node has alike, from the store. */
interface Secrets {
  readonly cookies: string
  readonly nonce: Buffer
  readonly successor: Buffer
  readonly forms: Buffer
}

/** Everything of identity in this process: the store, the keys, the server, its pages. */
export class IdentityHouse {
  readonly entries: EntryStore
  readonly clients: ClientStore
  readonly accounts: Accounts
  readonly keeper: KeyKeeper
  readonly vault: Vault
  readonly ledger: Ledger
  readonly #options: HouseOptions
  readonly #secrets: Secrets
  readonly #throttle
  readonly #beginLimit
  #state: IdentityState
  #storeFault = ''
  #web: WebGround | undefined
  #board: ListenerBoard | undefined
  #closeListener: () => Promise<void> = async () => {}
  #cancelSweep = (): void => {}

  /** Opens the store, and makes keys where there are none. Throws what the engine throws, `VaultError`, and `StorageError`. */
  static async open(options: HouseOptions): Promise<IdentityHouse> {
    const { folder, state } = options
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const vault = createVault(readMasterKey(state.masterKey, join(folder, 'master.key')))
    const ledger = await openLedger(state.postgres, join(folder, 'identity.sqlite'))
    try {
      return await IdentityHouse.#openOver(options, ledger, vault)
    } catch (error) {
      // It is tried again soon: what this try has opened must not stay.
      await ledger.close().catch(() => {})
      throw error
    }
  }

  static async #openOver(
    options: HouseOptions,
    ledger: Ledger,
    vault: Vault,
  ): Promise<IdentityHouse> {
    const { clock, log } = options
    await ledger.migrate(identityMigrations)
    const read = (name: string) => readSecret(ledger, vault, name, clock.nowMs())
    const pepper = await read('pepper')
    const secrets = {
      cookies: (await read('cookies')).toString('base64url'),
      nonce: await read('dpop nonce'),
      successor: await read('successor'),
      forms: await read('forms'),
    }
    log('info', 'identity is open', { engine: ledger.engine })
    return new IdentityHouse(options, { ledger, vault, secrets, pepper })
  }

  constructor(
    options: HouseOptions,
    ground: { ledger: Ledger; vault: Vault; secrets: Secrets; pepper: Uint8Array },
  ) {
    const { clock } = options
    const { ledger, vault, secrets, pepper } = ground
    const nowMs = () => clock.nowMs()
    this.#options = options
    this.#state = options.state
    this.#secrets = secrets
    this.ledger = ledger
    this.vault = vault
    this.entries = createEntryStore(ledger, nowMs)
    this.clients = createClientStore(ledger)
    const passwords = createPasswords(pepper, () => this.#state.accounts.hashing)
    this.accounts = createAccounts(ledger, passwords, nowMs)
    this.#throttle = createThrottle(() => clock.monotonicMs())
    this.#beginLimit = createBeginLimit(() => clock.monotonicMs())
    this.keeper = createKeyKeeper(createKeyStore(ledger, vault), options, () => this.#rebuild())
    this.#sweepAfter(SWEEP_MS)
  }

  /** Puts into force what control says. The listener is opened once. */
  async apply(state: IdentityState): Promise<void> {
    const before = this.#state
    this.#state = state
    try {
      await this.keeper.setPolicy(state)
      this.#rebuild()
    } catch (error) {
      this.#state = before
      throw error
    }
    if (this.#board === undefined) await this.#listen(state)
  }

  /** Answers one request. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const web = this.#web
    if (web === undefined) {
      response.writeHead(503, { 'retry-after': '1' }).end()
      return
    }
    answerIdentity(request, response, web).catch((error: unknown) => {
      this.#options.log('error', 'a request of identity failed', { error })
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    })
  }

  /** What is in force. */
  get state(): IdentityState {
    return this.#state
  }

  /** What pages and the API stand on; undefined before the first state. */
  get web(): WebGround | undefined {
    return this.#web
  }

  /** Where it listens. */
  listeners(): readonly ListenerReport[] {
    return (this.#board?.views() ?? []).map(({ id, address, error }) => ({
      name: id,
      address,
      error,
    }))
  }

  /** What is wrong now. */
  problems(): readonly ReportedProblem[] {
    if (this.#storeFault === '') return []
    return [
      {
        severity: 'error',
        code: 'ERR_IDENTITY_STORE',
        service: '',
        instance: '',
        text: `Identity cannot write to its store, so nobody can sign in or refresh: ${this.#storeFault}`,
      },
    ]
  }

  /** What control should know: the keys that verify our tokens. */
  report(): IdentityReport {
    const { issuer, audience } = this.#state
    return { issuer, audience, keys: this.keeper.keys().map(({ publicJwk }) => ({ ...publicJwk })) }
  }

  async close(): Promise<void> {
    this.#cancelSweep()
    this.keeper.close()
    await this.#closeListener()
    await this.ledger.close()
  }

  /** A server for what is in force now. Throws what the library says of it; then the one from before stays. */
  #rebuild(): void {
    const { clock, log, changed } = this.#options
    const state = withAccountClient(this.#state)
    const look: PageLook = {
      system: state.system,
      base: new URL(state.issuer).pathname.replace(/\/$/, ''),
      variables: state.look,
    }
    const ground = {
      entries: this.entries,
      clients: this.clients,
      accounts: this.accounts,
      vault: this.vault,
      nowMs: () => clock.nowMs(),
      graceMs: () => this.#state.lifetimes.graceMs,
      successorSecret: this.#secrets.successor,
      nonceSecret: this.#secrets.nonce,
      cookieKeys: [this.#secrets.cookies],
      keys: this.keeper.keys(),
      look,
    }
    const provider = createServer(state, ground, log)
    this.#web = {
      provider,
      state,
      look,
      accounts: this.accounts,
      passkeys: createPasskeys({ ...ground, ...state, ledger: this.ledger }),
      entries: this.entries,
      vault: this.vault,
      throttle: this.#throttle,
      beginLimit: this.#beginLimit,
      formSecret: this.#secrets.forms,
      log,
    }
    changed()
  }

  async #listen(state: IdentityState): Promise<void> {
    const { log, clock } = this.#options
    const board = new ListenerBoard({
      table: { identity: listenerRow },
      listen: state.listen,
      sourceOf: () => 'default',
      log,
      clock,
      portsBefore: new Map(state.portBefore === 0 ? [] : [['identity', state.portBefore]]),
    })
    this.#board = board
    const opened = await board.http('identity', {
      isPublic: true,
      isLazy: true,
      register: (app) => {
        app.removeAllContentTypeParsers()
        app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
        app.all('/*', (request, reply) => {
          reply.hijack()
          this.handle(request.raw, reply.raw)
        })
      },
    })
    if (opened !== undefined) this.#closeListener = () => opened.close()
  }

  #sweepAfter(delayMs: number): void {
    const { clock, log } = this.#options
    this.#cancelSweep = clock.after(delayMs, () => {
      this.entries.sweep().then(
        (count) => {
          this.#noteStore('')
          this.#sweepAfter(count >= SWEEP_ROWS_MAX ? SWEEP_AGAIN_MS : SWEEP_MS)
        },
        (error: unknown) => {
          log('error', 'what has expired cannot be removed', { error })
          this.#noteStore(error instanceof Error ? error.message : String(error))
          this.#sweepAfter(SWEEP_MS)
        },
      )
    })
  }

  /** The sweep writes every few seconds: what it meets is what everybody meets. */
  #noteStore(fault: string): void {
    if (fault === this.#storeFault) return
    this.#storeFault = fault
    this.#options.changed()
  }
}

async function openLedger(postgres: string | undefined, file: string): Promise<Ledger> {
  if (postgres !== undefined) {
    const { openPostgresLedger } = await import('./engines/postgres.ts')
    return openPostgresLedger(postgres)
  }
  const [{ startStorage }, { createSqliteLedger }] = await Promise.all([
    import('../../platform/storage/storage.ts'),
    import('./engines/sqlite.ts'),
  ])
  // SQLite gives what it adds beside a file the mode of that file.
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
  return createSqliteLedger(await startStorage({ file, name: 'identity' }))
}

/** The client that leads people to their own account: it gets nothing. */
function withAccountClient(state: IdentityState): IdentityState {
  return {
    ...state,
    clients: [
      ...state.clients,
      {
        id: ACCOUNT_CLIENT,
        name: state.system,
        secretHash: undefined,
        auth: 'none',
        jwks: undefined,
        jwksUri: undefined,
        redirectUris: [`${state.issuer}/account`],
        logoutUris: [],
        backchannelLogoutUri: undefined,
        grants: ['authorization_code'],
        scopes: [],
        isNative: false,
        needsConsent: false,
        needsPush: false,
        needsDpop: false,
      },
    ],
  }
}
