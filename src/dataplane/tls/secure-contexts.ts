import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { ClientAuthorities } from './client-authorities.ts'
import { createNameTable, type NameTable } from '../../mechanisms/server-names/server-names.ts'
import type {
  CertificateOp,
  CertificateSpec,
  ChallengeSpec,
  ClientsSpec,
  TlsSpec,
} from '../../contracts/certificates.ts'

/** Suites with authenticated encryption and forward secrecy only (RFC 9325 section 4.2), the cheapest first. */
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
/** Groups for the exchange of keys, elliptic curves only; where OpenSSL knows it, first the one that a quantum computer would not break. */
const GROUPS = ['X25519MLKEM768:X25519:P-256:P-384', 'X25519:P-256:P-384'].find(isKnown) ?? 'auto'
/** No renegotiation (a handshake for free, for whoever asks), and ChaCha20 for clients without AES in hardware. */
const OPTIONS =
  constants.SSL_OP_NO_RENEGOTIATION |
  constants.SSL_OP_PRIORITIZE_CHACHA |
  constants.SSL_OP_CIPHER_SERVER_PREFERENCE
/** Sessions of other programs are not ours; and one that began where nobody was asked for a certificate is not continued where everybody is. */
const SESSION_ID_CONTEXT = 'backplane'
const ASKED_SESSION_ID_CONTEXT = 'backplane-asked'
/** Name, key for authenticity and key for secrecy of session tickets. */
export const TICKET_KEY_BYTES = 48

/** Changes of what clients are shown and asked for. */
type ClientOp = Exclude<CertificateOp, { readonly op: 'trust' | 'trust-gone' }>

type TlsAlpnChallenge = Extract<ChallengeSpec, { kind: 'tls-alpn-01' }>

/**
 * The certificates of one worker, and the secure contexts made of them: made when a handshake first wants one, kept as long as they are among the
 * `contextsMax` that were used last. (Node's own table of contexts never forgets.)
 */
export class SecureContexts {
  readonly #certificates = new Map<string, CertificateSpec>()
  readonly #challenges = new Map<string, TlsAlpnChallenge>()
  /** Who signs the certificates that clients show. */
  readonly authorities = new ClientAuthorities()
  /** Of the specification of a listener, which lives as long as its configuration. */
  readonly #asked = new WeakMap<ClientsSpec, NameTable<true>>()
  #ticketKeys: Buffer
  #table: NameTable<CertificateSpec> = createNameTable([])
  /** By what they are made of; the last one was used last. */
  readonly #ready = new Map<string, SecureContext>()

  constructor(ticketKeys: Uint8Array) {
    this.#ticketKeys = Buffer.from(ticketKeys)
  }

  /** From now on handshakes see the change; connections are not touched. */
  apply(op: ClientOp): void {
    switch (op.op) {
      case 'certificate':
        this.#certificates.set(op.certificate.id, op.certificate)
        return this.#changed()
      case 'certificate-gone':
        this.#certificates.delete(op.id)
        return this.#changed()
      case 'challenge':
        if (op.challenge.kind === 'tls-alpn-01') this.#challenges.set(op.challenge.id, op.challenge)
        return
      case 'challenge-gone':
        this.#challenges.delete(op.id)
        return
      case 'client-authority':
        if (this.authorities.apply(op.authority)) this.#ready.clear()
        return
      case 'client-authority-gone':
        if (this.authorities.forget(op.name)) this.#ready.clear()
        return
      default:
        return op satisfies never
    }
  }

  /** Tickets of the former keys are not taken any more: their clients make a full handshake. */
  setTicketKeys(keys: Uint8Array): void {
    this.#ticketKeys = Buffer.from(keys)
    this.#ready.clear()
  }

  /** After a reset there is what it names, and nothing else. */
  keepOnly(
    certificates: ReadonlySet<string>,
    challenges: ReadonlySet<string>,
    authorities: ReadonlySet<string>,
  ): void {
    this.authorities.keepOnly(authorities)
    for (const id of this.#certificates.keys()) {
      if (!certificates.has(id)) this.#certificates.delete(id)
    }
    for (const id of this.#challenges.keys()) {
      if (!challenges.has(id)) this.#challenges.delete(id)
    }
    this.#changed()
  }

  /** The host that a client names changes what it is shown. */
  get dependsOnName(): boolean {
    return this.#certificates.size > 1
  }

  /** Somebody may ask for `acme-tls/1`. */
  get hasChallenges(): boolean {
    return this.#challenges.size > 0
  }

  /** Whether a client that names this host is asked for a certificate. */
  asks({ clients }: TlsSpec, name: string): boolean {
    if (clients === undefined) return false
    if (clients.hosts.length === 0) return true
    let table = this.#asked.get(clients)
    if (table === undefined) {
      table = createNameTable([{ names: clients.hosts, value: true }])
      this.#asked.set(clients, table)
    }
    return table.find(name).length > 0
  }

  /** How many are kept. */
  get readyCount(): number {
    return this.#ready.size
  }

  /** What every handshake begins with: versions, suites, tickets, and the certificate for clients that name no host. `asks`: for a certificate. */
  first(tls: TlsSpec, asks: boolean): SecureContext {
    const certificates = this.#list
    const chosen = certificates.find(({ isDefault }) => isDefault) ?? certificates[0]
    const all = chosen === undefined ? [] : this.#ofBothKinds(chosen)
    return this.#make(tls, asks, `first ${all.map(({ id }) => id).join(' ')}`, () => ({
      cert: all.map(({ chain }) => chain),
      key: all.map(({ key }) => key),
    }))
  }

  /** For this host; undefined: what the handshake began with. `takesEcdsa` is asked where there is one of each kind. */
  forName(
    tls: TlsSpec,
    asks: boolean,
    name: string,
    takesEcdsa: () => boolean,
  ): SecureContext | undefined {
    const found = this.#table.find(name)
    if (found.length === 0) return undefined
    const ecdsa = found.find(({ keyType }) => keyType === 'ecdsa')
    const rsa = found.find(({ keyType }) => keyType === 'rsa')
    const isEcdsa = ecdsa !== undefined && (rsa === undefined || takesEcdsa())
    const chosen = (isEcdsa ? ecdsa : rsa)!
    const pair = { cert: chosen.chain, key: chosen.key }
    return this.#make(tls, asks, `name ${chosen.id}`, () => pair)
  }

  /** The certificate that proves to an authority that this host is ours (RFC 8737). */
  challengeFor(tls: TlsSpec, name: string): SecureContext | undefined {
    const host = name.toLowerCase()
    for (const { id, host: of, chain, key } of this.#challenges.values()) {
      if (of === host)
        return this.#make(tls, false, `challenge ${id} ${chain}`, () => ({ cert: chain, key }))
    }
    return undefined
  }

  get #list(): readonly CertificateSpec[] {
    return [...this.#certificates.values()]
  }

  /** The certificate, and one with the other kind of key for the same name. */
  #ofBothKinds(chosen: CertificateSpec): readonly CertificateSpec[] {
    const same = this.#table.find(chosen.names[0] ?? '')
    const other = same.find(({ keyType }) => keyType !== chosen.keyType)
    return other === undefined ? [chosen] : [chosen, other]
  }

  #changed(): void {
    this.#table = createNameTable(
      this.#list.map((certificate) => ({ names: certificate.names, value: certificate })),
    )
    this.#ready.clear()
  }

  /**
   * Without tickets: a session that is continued brings the judgement of its beginning, and a certificate may have expired or lost its authority since. The authorities
   * of the settings are believed as they are, roots or not.
   */
  #asking(): SecureContextOptions {
    return {
      ca: [...this.authorities.pem],
      allowPartialTrustChain: true,
      secureOptions: OPTIONS | constants.SSL_OP_NO_TICKET,
      sessionIdContext: ASKED_SESSION_ID_CONTEXT,
    }
  }

  #make(
    tls: TlsSpec,
    asks: boolean,
    what: string,
    of: () => Pick<SecureContextOptions, 'cert' | 'key'>,
  ): SecureContext {
    const key = `${tls.versionMin} ${asks} ${what}`
    const known = this.#ready.get(key)
    if (known !== undefined) {
      this.#ready.delete(key)
      this.#ready.set(key, known)
      return known
    }
    const made = createSecureContext({
      ...of(),
      minVersion: tls.versionMin,
      maxVersion: 'TLSv1.3',
      ciphers: SUITES,
      ecdhCurve: GROUPS,
      ticketKeys: this.#ticketKeys,
      ...(asks ? this.#asking() : { secureOptions: OPTIONS, sessionIdContext: SESSION_ID_CONTEXT }),
    })
    this.#ready.set(key, made)
    for (const oldest of this.#ready.keys()) {
      if (this.#ready.size <= tls.contextsMax) break
      this.#ready.delete(oldest)
    }
    return made
  }
}

function isKnown(groups: string): boolean {
  try {
    createSecureContext({ ecdhCurve: groups })
    return true
  } catch {
    return false
  }
}
