import { createHash } from 'node:crypto'
import type { CertificateStore } from '../store.ts'
import { makeKey, openAccountKey, type AccountKey } from './account-key.ts'
import { AcmeError } from './acme-error.ts'
import type { AcmeSession } from './session.ts'

/** Each authority has an account of its own. */
function fileOf(directory: string): string {
  const digest = createHash('sha256').update(directory).digest('hex')
  return `account-${digest.slice(0, 16)}.key`
}

/** The stored key of our account at an authority; the first time a new one, which is on the disk before it is used. Throws what the disk says. */
export async function openAccount(store: CertificateStore, directory: string): Promise<AccountKey> {
  const file = fileOf(directory)
  const known = await store.read(file)
  if (known !== undefined) return openAccountKey(known)
  const made = await makeKey()
  await store.write(file, made)
  return openAccountKey(made)
}

/** The address of the account of the session's key: registered where there is none yet, and else the same one (RFC 8555 section 7.3). @throws AcmeError */
export async function registerAccount(
  session: AcmeSession,
  email: string | undefined,
): Promise<string> {
  const { newAccount } = await session.directory()
  const { location } = await session.post(
    newAccount,
    { isNew: true },
    {
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
    },
  )
  if (location !== '') return location
  throw new AcmeError(
    'ERR_CERTIFICATE_ACME_UNREACHABLE',
    'the authority does not say where the account is',
  )
}
