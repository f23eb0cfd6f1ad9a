/** What control tells data of TLS: certificates with their keys, and how listeners use them. Keys are secrets: nothing of these is logged. */

/** A certificate with its key. */
export interface CertificateSpec {
  /** Stable: where it comes from. */
  readonly id: string
  /** Host names that it is good for, lower case, `*.example.com` for one label before the rest; addresses as text. */
  readonly names: readonly string[]
  readonly keyType: 'ecdsa' | 'rsa'
  /** PEM, the leaf first, then what leads to its root. */
  readonly chain: string
  /** PEM, without a passphrase. A secret. */
  readonly key: string
  /** Shown to clients that name no host, or one that no certificate is for. The first one that says so. */
  readonly isDefault: boolean
}

/** How a certificate authority finds out that a host name is ours (RFC 8555 section 8, RFC 8737). */
export type ChallengeSpec =
  | {
      readonly kind: 'http-01'
      readonly id: string
      readonly host: string
      readonly token: string
      /** The key authorization: the answer's body. */
      readonly body: string
    }
  /** A certificate that is shown to clients that ask for the protocol `acme-tls/1` only. */
  | {
      readonly kind: 'tls-alpn-01'
      readonly id: string
      readonly host: string
      readonly chain: string
      readonly key: string
    }

/** How a listener speaks TLS. */
export interface TlsSpec {
  readonly versionMin: 'TLSv1.2' | 'TLSv1.3'
  /** Handshakes that may be under way, all workers together. */
  readonly handshakesMax: number
  /** First byte to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** Certificates that a worker keeps ready for use; of others the key is read again. */
  readonly contextsMax: number
  /** Clients are asked for a certificate; without it none is. */
  readonly clients?: ClientsSpec
}

/** Whose clients are asked for a certificate. A connection is made without one too: requests are judged. */
export interface ClientsSpec {
  /** Host names, `*.example.com` for one label before the rest; empty: whatever host a client names. */
  readonly hosts: readonly string[]
  /** Services are told of it (RFC 9440). */
  readonly isForwarded: boolean
}

/** Who signs certificates of clients, by the name that routes and policies know them by. */
export interface ClientAuthoritySpec {
  readonly name: string
  /** Certificates in PEM: roots, or what stands below them. */
  readonly ca: string
}

/** What the gateway says of HTTPS. */
export interface HttpsSpec {
  /** The value of Strict-Transport-Security for answers over TLS, '' for none. */
  readonly hsts: string
  /** Requests in the clear are sent to this port with HTTPS: -1 not at all, 0 the port of the first listener with TLS. */
  readonly redirectPort: number
}

/** Who is believed when the instances of a service say who they are, and who we say that we are. */
export interface TrustSpec {
  readonly service: string
  /** Authorities, PEM; '' for those that everybody trusts. */
  readonly ca: string
  /** Our certificate and its key, PEM; '' for none. The key is a secret. */
  readonly chain: string
  readonly key: string
}

/** Snapshot changes about certificates; each is one thing by its id. */
export type CertificateOp =
  | { readonly op: 'certificate'; readonly certificate: CertificateSpec }
  | { readonly op: 'certificate-gone'; readonly id: string }
  | { readonly op: 'challenge'; readonly challenge: ChallengeSpec }
  | { readonly op: 'challenge-gone'; readonly id: string }
  | { readonly op: 'trust'; readonly trust: TrustSpec }
  | { readonly op: 'trust-gone'; readonly service: string }
  | { readonly op: 'client-authority'; readonly authority: ClientAuthoritySpec }
  | { readonly op: 'client-authority-gone'; readonly name: string }

/** Equal for the changes that speak of the same thing. */
export function certificateKey(op: CertificateOp): string {
  switch (op.op) {
    case 'certificate':
      return `certificate ${op.certificate.id}`
    case 'certificate-gone':
      return `certificate ${op.id}`
    case 'challenge':
      return `challenge ${op.challenge.id}`
    case 'challenge-gone':
      return `challenge ${op.id}`
    case 'trust':
      return `trust ${op.trust.service}`
    case 'trust-gone':
      return `trust ${op.service}`
    case 'client-authority':
      return `client-authority ${op.authority.name}`
    case 'client-authority-gone':
      return `client-authority ${op.name}`
    default:
      return op satisfies never
  }
}
