import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const IV_BYTES = 12
const TAG_BYTES = 16
const VERSION = 'v1.'

/** Something sealed cannot be opened: another key, or it was changed. */
export class VaultError extends Error {
  override readonly name = 'VaultError'
  readonly code = 'ERR_IDENTITY_KEY_WRONG'

  constructor(name: string) {
    super(
      `What is stored as '${name}' cannot be opened with this key: it was sealed with another one, or it was changed. Give identity the key that it had before (identity.key, or identity/master.key in the data folder).`,
    )
  }
}

/** Seals what must lie on a disk and be read again: private keys, secrets of cookies. AES-256-GCM; the name is part of it, so that no two can be swapped. */
export interface Vault {
  seal(name: string, text: string): string
  /** Throws `VaultError`. */
  open(name: string, sealed: string): string
}

/** @param master at least 32 bytes of chance. */
export function createVault(master: Uint8Array): Vault {
  const key = Buffer.from(hkdfSync('sha256', master, '', 'backplane identity vault', 32))
  return {
    seal(name, text) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return VERSION + Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(name, sealed) {
      try {
        if (!sealed.startsWith(VERSION)) throw new VaultError(name)
        const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url')
        const iv = bytes.subarray(0, IV_BYTES)
        const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(name))
          .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
        const body = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES))
        return Buffer.concat([body, decipher.final()]).toString('utf8')
      } catch {
        throw new VaultError(name)
      }
    },
  }
}
