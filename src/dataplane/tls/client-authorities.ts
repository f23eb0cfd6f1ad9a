import { X509Certificate } from 'node:crypto'
import type { ClientAuthoritySpec } from '../../contracts/certificates.ts'

/** Who signs certificates of clients: one name of the settings, with the certificates that it stands for. */
export interface ClientAuthority {
  readonly name: string
  readonly anchors: readonly X509Certificate[]
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** Certificates between a leaf and its authority; real chains have one or two. */
const STEPS_MAX = 8

/** The authorities of one worker, by name. */
export class ClientAuthorities {
  readonly #specs = new Map<string, ClientAuthoritySpec>()
  #list: readonly ClientAuthority[] | undefined

  /** False: that was known. */
  apply(spec: ClientAuthoritySpec): boolean {
    if (this.#specs.get(spec.name)?.ca === spec.ca) return false
    this.#specs.set(spec.name, spec)
    this.#list = undefined
    return true
  }

  /** False: there was none. */
  forget(name: string): boolean {
    this.#list = undefined
    return this.#specs.delete(name)
  }

  /** After a reset there is what it names, and nothing else. True: one has gone. */
  keepOnly(names: ReadonlySet<string>): boolean {
    return (
      [...this.#specs.keys()].filter((name) => !names.has(name) && this.forget(name)).length > 0
    )
  }

  /** All certificates, PEM: whom OpenSSL believes. */
  get pem(): readonly string[] {
    return [...this.#specs.values()].map(({ ca }) => ca)
  }

  /** Read when the first certificate is to be judged. */
  get list(): readonly ClientAuthority[] {
    this.#list ??= [...this.#specs.values()].map(({ name, ca }) => ({
      name,
      anchors: (ca.match(BLOCK) ?? []).map((block) => new X509Certificate(block)),
    }))
    return this.#list
  }
}

/**
 * Names of the authorities that stand above a certificate that OpenSSL believes, by whichever of them. Every step is checked by its signature: OpenSSL says that there
 * is a chain, and not which one, and what a client sends beside its certificate is the client's choice.
 */
export function checkChain(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  authorities: Iterable<ClientAuthority>,
): readonly string[] {
  const chain = climb(leaf, others)
  return [...authorities]
    .filter(({ anchors }) => anchors.some((anchor) => chain.some((one) => isUnder(one, anchor))))
    .map(({ name }) => name)
}

/** The certificate and those that were sent with it above it, each the signer of the one before. */
function climb(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
): readonly X509Certificate[] {
  const chain = [leaf]
  while (chain.length <= STEPS_MAX) {
    const last = chain.at(-1)!
    const next = others.find((one) => one.ca && !chain.includes(one) && hasSigned(one, last))
    if (next === undefined) break
    chain.push(next)
  }
  return chain
}

/** It is the anchor, or signed by it. */
function isUnder(certificate: X509Certificate, anchor: X509Certificate): boolean {
  return certificate.fingerprint256 === anchor.fingerprint256 || hasSigned(anchor, certificate)
}

function hasSigned(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
