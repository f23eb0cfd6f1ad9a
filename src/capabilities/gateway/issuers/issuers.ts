import type { IssuerOp } from '../../../contracts/issuers.ts'
import type { VerificationKey } from '../../../mechanisms/jwt/algorithms.ts'
import { backoffMs } from '../../../mechanisms/backoff/backoff.ts'
import type { Clock, Log, Problem, Random } from '../../../platform/capability.ts'
import type { IssuerSettings } from '../auth-settings.ts'
import { fetchKeys, ownKeys } from './fetch-keys.ts'
import type { KeptKeys, KeyStore } from './key-store.ts'

/** What following issuers needs. */
export interface IssuersNeeds {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: KeyStore
  readonly folder: string
  readonly publish: (ops: readonly IssuerOp[]) => Promise<unknown>
}

/** What is known of an issuer, for people. */
export interface IssuerView {
  readonly name: string
  readonly issuer: string
  readonly keys: readonly { readonly kid: string; readonly alg: string }[]
  /** Unix milliseconds of the last keys; 0: none were had. */
  readonly fetchedAtMs: number
  /** What went wrong last; '' for nothing. */
  readonly error: string
}

/** Follows the key sets of the file's issuers and tells the data plane. */
export interface Issuers {
  /** From now on these, with what is kept of them. */
  configure(
    issuers: Readonly<Record<string, IssuerSettings>>,
    kept?: ReadonlyMap<string, KeptKeys>,
  ): void
  /** A token names a key that is not there: asks again, as often as the issuer's settings allow. */
  wanted(name: string): void
  views(): readonly IssuerView[]
  problems(): Iterable<Problem>
  stop(): void
}

/** Waits after a fetch that failed, up to a minute. */
const RETRY = { minMs: 1_000, maxMs: 60_000 }
const NO_KEYS: readonly VerificationKey[] = []

interface Followed {
  settings: IssuerSettings
  keys: readonly VerificationKey[]
  fetchedAtMs: number
  /** Monotonic, of the last attempt. */
  askedMs: number
  isAsking: boolean
  failures: number
  error: string
  cancel: () => void
}

/** Nothing is told before `configure`. */
export function followIssuers(needs: IssuersNeeds): Issuers {
  const { clock, random, log, store, publish } = needs
  const all = new Map<string, Followed>()
  let asked = 0
  let isStopped = false

  function tell(name: string, { settings, keys }: Followed): void {
    void publish([
      { op: 'issuer', issuer: { name, issuer: settings.issuer, keys, asked: ++asked } },
    ])
  }

  async function fetch(name: string, followed: Followed): Promise<void> {
    if (followed.isAsking || isStopped) return
    followed.cancel()
    followed.isAsking = true
    followed.askedMs = clock.monotonicMs()
    const { settings } = followed
    try {
      const { keys, unused } = await fetchKeys(settings, needs)
      if (all.get(name) !== followed || followed.settings !== settings) return
      note(name, followed, keys, unused)
      await keep(name, followed)
    } catch (error) {
      if (all.get(name) !== followed || followed.settings !== settings) return
      fail(name, followed, error)
    } finally {
      followed.isAsking = false
    }
    if (isStopped || all.get(name) !== followed) return
    tell(name, followed)
    schedule(name, followed)
  }

  function note(
    name: string,
    followed: Followed,
    keys: readonly VerificationKey[],
    unused: readonly string[],
  ): void {
    if (followed.failures > 0) log('info', 'an issuer answers again', { issuer: name })
    const isOther = JSON.stringify(keys) !== JSON.stringify(followed.keys)
    if (isOther) {
      const names = keys.map(({ kid, alg }) => `${kid} ${alg}`)
      log('info', 'the keys of an issuer', { issuer: name, keys: names, unused })
    }
    followed.keys = keys
    followed.fetchedAtMs = clock.nowMs()
    followed.failures = 0
    followed.error = ''
  }

  /** The last keys go on to be used, for a while: an issuer that is away must not close every route. */
  function fail(name: string, followed: Followed, error: unknown): void {
    followed.failures++
    followed.error = error instanceof Error ? error.message : String(error)
    const ageMs = clock.nowMs() - followed.fetchedAtMs
    if (followed.keys.length > 0 && ageMs > followed.settings.stale) {
      followed.keys = NO_KEYS
      void store.forget(name)
    }
    if (followed.failures > 1) return
    const code = 'ERR_GATEWAY_ISSUER_FETCH'
    log('warn', 'the keys of an issuer cannot be fetched', {
      issuer: name,
      code,
      error: followed.error,
    })
  }

  async function keep(name: string, { settings, keys, fetchedAtMs }: Followed): Promise<void> {
    if (settings.secret !== undefined) return
    await store.save(name, { issuer: settings.issuer, keys, fetchedAtMs })
  }

  function schedule(name: string, followed: Followed): void {
    const { failures, settings } = followed
    // A tenth earlier or later, so that many do not come at once.
    const waitMs =
      failures === 0
        ? settings.refresh * (0.9 + random() * 0.2)
        : backoffMs(RETRY, failures - 1, 'equal', random)
    followed.cancel = clock.after(waitMs, () => void fetch(name, followed))
  }

  function drop(name: string): void {
    all.get(name)?.cancel()
    all.delete(name)
    void publish([{ op: 'issuer-gone', name }])
    void store.forget(name)
  }

  function begin(name: string, settings: IssuerSettings, kept: KeptKeys | undefined): void {
    const isFresh =
      kept?.issuer === settings.issuer && clock.nowMs() - kept.fetchedAtMs <= settings.stale
    const followed: Followed = {
      settings,
      keys: ownKeys(settings) ?? (isFresh ? kept.keys : NO_KEYS),
      fetchedAtMs: isFresh ? kept.fetchedAtMs : 0,
      askedMs: -Infinity,
      isAsking: false,
      failures: 0,
      error: '',
      cancel: () => {},
    }
    all.set(name, followed)
    tell(name, followed)
    void fetch(name, followed)
  }

  return {
    configure(issuers, kept = new Map()) {
      for (const name of all.keys()) if (!Object.hasOwn(issuers, name)) drop(name)
      for (const [name, settings] of Object.entries(issuers)) {
        const known = all.get(name)
        if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings))
          continue
        known?.cancel()
        begin(name, settings, known === undefined ? kept.get(name) : keptOf(known, settings))
      }
    },
    wanted(name) {
      const followed = all.get(name)
      if (followed === undefined) return
      if (clock.monotonicMs() - followed.askedMs < followed.settings.cooldown) return
      void fetch(name, followed)
    },
    views: () =>
      [...all].map(([name, { settings, keys, fetchedAtMs, error }]) => ({
        name,
        issuer: settings.issuer,
        keys: keys.map(({ kid, alg }) => ({ kid, alg })),
        fetchedAtMs,
        error,
      })),
    *problems() {
      for (const [name, { error, keys }] of all) {
        if (error === '') continue
        const state =
          keys.length > 0
            ? 'the last keys are used meanwhile'
            : 'there are no keys, so its routes answer 503'
        yield {
          severity: keys.length > 0 ? 'warning' : 'error',
          code: 'ERR_GATEWAY_ISSUER_FETCH',
          service: '',
          instance: '',
          key: name,
          text: `The keys of the issuer ${name} cannot be fetched: ${error}; ${state}.`,
        }
      }
    },
    stop() {
      isStopped = true
      for (const { cancel } of all.values()) cancel()
    },
  }
}

/** Other settings of the same place: its keys go on to be used until it has answered. Those of another place do not. */
function keptOf(
  { settings, keys, fetchedAtMs }: Followed,
  next: IssuerSettings,
): KeptKeys | undefined {
  const placeOf = ({ issuer, jwks, jwksFile, secret }: IssuerSettings): string =>
    JSON.stringify([issuer, jwks, jwksFile, secret !== undefined])
  if (settings.secret !== undefined || placeOf(settings) !== placeOf(next)) return undefined
  return { issuer: settings.issuer, keys, fetchedAtMs }
}
