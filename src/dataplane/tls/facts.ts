import type { ClientCertificate } from './client-certificate.ts'

/** What a handshake came to, for the requests that follow it. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string
  /** Continued an earlier session instead of proving who we are. */
  readonly isResumed: boolean
  /** Host that the client asked for, '' where it named none. */
  readonly serverName: string
  /** The protocol that was agreed on, '' for none. */
  readonly protocol: string
  /** The client was asked for a certificate. */
  readonly isClientAsked: boolean
  /** What it has shown, believed or not; null for nothing. */
  readonly clientCertificate: ClientCertificate | null
  /** As records and the access log say it: a constant. */
  readonly label: string
}

const LABELS: ReadonlyMap<string, string> = new Map(
  ['TLSv1.2', 'TLSv1.3'].flatMap((version) => [
    [`${version} false`, version],
    [`${version} true`, `${version} resumed`],
  ]),
)

/** A constant text: records keep it. */
export function tlsLabel(version: string, isResumed: boolean): string {
  return LABELS.get(`${version} ${isResumed}`) ?? 'TLS'
}
