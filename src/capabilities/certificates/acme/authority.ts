import { resolve } from 'node:path'
import type { Clock } from '../../../platform/capability.ts'
import type { AcmeSettings } from '../schema.ts'
import type { CertificateStore } from '../store.ts'
import { readAuthorities } from '../trusts.ts'
import { openAccount, registerAccount } from './account.ts'
import { AcmeSession } from './session.ts'
import { createTransport } from './transport.ts'

/** An authority, and our account there. */
export interface OpenAuthority {
  readonly session: AcmeSession
  /** Address of the account, which is registered when it is first asked for. @throws AcmeError */
  kid(): Promise<string>
}

export interface AuthorityOptions {
  readonly settings: AcmeSettings
  /** What `settings.ca` is relative to. */
  readonly folder: string
  readonly store: CertificateStore
  readonly clock: Clock
  readonly stopping: AbortSignal
}

/** Nothing is asked yet. @throws CertificateError for `tls.acme.ca`, and what the disk says */
export async function openAuthority(options: AuthorityOptions): Promise<OpenAuthority> {
  const { settings, folder, store, clock, stopping } = options
  const ca = settings.ca === undefined ? '' : await readAuthorities(resolve(folder, settings.ca))
  const transport = createTransport({ ca, clock, stopping })
  const key = await openAccount(store, settings.directory)
  const session = new AcmeSession({ directoryUrl: settings.directory, key, transport, clock })
  let kid: Promise<string> | undefined
  return { session, kid: () => (kid ??= registerAccount(session, settings.email)) }
}
