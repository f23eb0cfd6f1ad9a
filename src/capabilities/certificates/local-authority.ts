import { createPrivateKey, X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { namesOf } from './parse-pair.ts'
import type { CertificateStore } from './store.ts'
import type { Life, SignedPair } from './sign.ts'

const DAY_MS = 86_400_000
/** The authority is trusted by hand: that is not asked for again soon. */
const AUTHORITY_LIFE_MS = 3_650 * DAY_MS
const LEAF_LIFE_MS = 90 * DAY_MS
/** A leaf is replaced when this share of its life is over. */
const RENEW_AT = 2 / 3
/** Clocks of clients may be behind. */
const BACKDATED_MS = 3_600_000
/** Names that are always there: this machine, by name and by address. */
const OWN_NAMES = ['localhost', '*.localhost', '127.0.0.1', '::1']

const FILES = {
  authority: 'authority.pem',
  authorityKey: 'authority.key',
  leaf: 'leaf.pem',
  leafKey: 'leaf.key',
} as const

/** What a look at it gives. */
export interface LocalLeaf {
  /** The leaf's file. */
  readonly file: string
  readonly pair: SignedPair
  /** The certificate to trust. */
  readonly authorityFile: string
}

/** The authority of this data folder, which is made when it is asked for the first time, and its one leaf. */
export class LocalAuthority {
  readonly #store: CertificateStore

  constructor(store: CertificateStore) {
    this.#store = store
  }

  /** A leaf for this machine and `hosts`: the stored one as long as it fits, else a new one. Throws what the disk says. */
  async leafFor(hosts: readonly string[], nowMs: number): Promise<LocalLeaf> {
    const names = [...new Set([...OWN_NAMES, ...hosts])]
    const authority = await this.#authority(nowMs)
    const known = await this.#read(FILES.leaf, FILES.leafKey)
    const isKnown = known !== undefined && fits(known, authority, names, nowMs)
    const pair = isKnown ? known : await this.#sign(authority, names, nowMs)
    const { folder } = this.#store
    return { file: join(folder, FILES.leaf), pair, authorityFile: join(folder, FILES.authority) }
  }

  async #authority(nowMs: number): Promise<SignedPair> {
    const known = await this.#read(FILES.authority, FILES.authorityKey)
    if (known !== undefined && isInTime(known.certificate, nowMs, 1)) return known
    const { makeAuthority } = await import('./sign.ts')
    const made = await makeAuthority(`Backplane on ${hostname()}`, lifeOf(nowMs, AUTHORITY_LIFE_MS))
    // The key first: a certificate without its key would be trusted for nothing.
    await this.#store.write(FILES.authorityKey, made.key)
    await this.#store.write(FILES.authority, made.certificate)
    return made
  }

  async #sign(authority: SignedPair, names: readonly string[], nowMs: number): Promise<SignedPair> {
    const { signLeaf } = await import('./sign.ts')
    const made = await signLeaf(authority, names, lifeOf(nowMs, LEAF_LIFE_MS))
    await this.#store.write(FILES.leafKey, made.key)
    await this.#store.write(FILES.leaf, made.certificate)
    return made
  }

  /** Undefined also for what does not belong together: a kill between two writes leaves such a pair. */
  async #read(certificateFile: string, keyFile: string): Promise<SignedPair | undefined> {
    const [certificate, key] = [
      await this.#store.read(certificateFile),
      await this.#store.read(keyFile),
    ]
    if (certificate === undefined || key === undefined) return undefined
    return belongTogether(certificate, key) ? { certificate, key } : undefined
  }
}

/** The one command with which this machine's programs believe the authority. */
export function trustCommand(authorityFile: string, platform: NodeJS.Platform): string {
  const file = `'${authorityFile.replaceAll("'", String.raw`'\''`)}'`
  if (platform === 'darwin') {
    return `sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${file}`
  }
  return `sudo install -m 644 ${file} /usr/local/share/ca-certificates/backplane.crt && sudo update-ca-certificates`
}

function lifeOf(nowMs: number, lifeMs: number): Life {
  // Certificates count seconds.
  const nowS = Math.floor(nowMs / 1_000)
  return { notBeforeMs: nowS * 1_000 - BACKDATED_MS, notAfterMs: nowS * 1_000 + lifeMs }
}

function fits(
  leaf: SignedPair,
  authority: SignedPair,
  names: readonly string[],
  nowMs: number,
): boolean {
  const [one, issuer] = [leaf, authority].map(({ certificate }) => new X509Certificate(certificate))
  if (!one!.checkIssued(issuer!) || !one!.verify(issuer!.publicKey)) return false
  const has = new Set(namesOf(one!))
  return names.every((name) => has.has(plain(name))) && isInTime(leaf.certificate, nowMs, RENEW_AT)
}

/** Node spells IPv6 out. */
function plain(name: string): string {
  return name === '::1' ? '0:0:0:0:0:0:0:1' : name
}

/** `share` of its life is not over yet. */
function isInTime(certificate: string, nowMs: number, share: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate)
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)]
  return nowMs >= fromMs && nowMs < fromMs + (toMs - fromMs) * share
}

function belongTogether(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
