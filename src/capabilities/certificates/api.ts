import type { Holding } from './held.ts'
import type { TlsSettings } from './settings.ts'

/** What the file says, and where it is. */
export interface CertificatesConfig {
  readonly tls: TlsSettings | undefined
  /** Of the configuration file: what files are relative to. */
  readonly folder: string
}

/** What siblings may know. */
export interface Certificates {
  /** In service, with what is wrong. */
  holding(): Holding
}
