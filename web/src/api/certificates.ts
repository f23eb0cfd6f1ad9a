import { send } from './actions.ts'

/** One certificate in service. */
export interface CertificateView {
  readonly id: string
  /** `file`, `acme` or `local`. */
  readonly source: string
  readonly file: string
  readonly names: readonly string[]
  readonly keyType: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly daysLeft: number
  readonly isDefault: boolean
}

/** One host whose certificate an authority issues. */
export interface IssuingView {
  readonly host: string
  readonly directory: string
  readonly hasCertificate: boolean
  /** What it is at; '' for nothing. */
  readonly step: string
  readonly failures: number
  readonly nextMs: number
  /** What the authority suggests for the renewal. */
  readonly window: { readonly startMs: number; readonly endMs: number } | null
  readonly fault: {
    readonly code: string
    readonly text: string
    readonly atMs: number
    readonly retryAtMs: number
  } | null
}

/** The answer of `GET /api/v1/certificates`. */
export interface CertificatesView {
  /** When it was asked, by the clock of the server. Unix milliseconds. */
  readonly atMs: number
  readonly authority: { readonly file: string; readonly command: string } | null
  readonly certificates: readonly CertificateView[]
  readonly faults: readonly {
    readonly code: string
    readonly file: string
    readonly text: string
    /** The one from before stays in service. */
    readonly isServed: boolean
  }[]
  readonly issuing: readonly IssuingView[]
}

/** Throws `ActionError`. */
export async function loadCertificates(): Promise<CertificatesView> {
  return (await send('GET', '/api/v1/certificates')) as CertificatesView
}

/** Asks the authority for this host now. Throws `ActionError`. */
export async function tryCertificate(host: string): Promise<void> {
  await send('POST', `/api/v1/certificates/${encodeURIComponent(host)}/try`, {})
}
