import type { AcmeView } from './acme/keeper.ts'
import type { Holding } from './held.ts'
import type { ServiceTls, TlsSettings } from './schema.ts'

/** What the file says, and where it is. */
export interface CertificatesConfig {
  readonly tls: TlsSettings | undefined
  /** Of the configuration file: what files are relative to. */
  readonly folder: string
  /** Where our own authority and certificates are kept. */
  readonly dataDir: string
  /** Host names that the gateway answers to. */
  readonly hosts: readonly string[]
  /** Services whose instances speak TLS. */
  readonly services: ReadonlyMap<string, ServiceTls>
}

/** What siblings may know. */
export interface Certificates {
  /** In service, with what is wrong. */
  holding(): Holding
  /** Hosts whose certificates an authority issues, and how far that is. */
  issuing(): readonly AcmeView[]
  /** What failed for this host is tried now. @throws ProblemError */
  tryNow(host: string): Promise<void>
  /** The certificate of our own authority, once it has signed something. */
  authorityFile(): string | undefined
}
