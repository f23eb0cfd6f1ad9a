/** A password as it is stored: scrypt (RFC 7914) with its parameters. */
export interface PasswordHash {
  /** A power of two. */
  readonly cost: number
  readonly blockSize: number
  readonly parallel: number
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** A text that is no stored password. The message goes behind the setting's name. */
export class PasswordHashError extends Error {
  override readonly name = 'PasswordHashError'
  readonly code = 'ERR_PASSWORD_HASH'
}

const FORM =
  /^scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3}):([A-Za-z0-9_-]{16,128}):([A-Za-z0-9_-]{22,128})$/
/** 128 x cost x block size bytes: what a wrong password may cost at most. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024

/** `scrypt:N:r:p:SALT:HASH`, salt and hash in base64url. @throws PasswordHashError */
export function parsePasswordHash(text: string): PasswordHash {
  const match = FORM.exec(text)
  if (match === null)
    throw new PasswordHashError(
      'must be a hashed password, scrypt:N:r:p:SALT:HASH, as `backplane credential password` prints it',
    )
  const [cost = 0, blockSize = 0, parallel = 0] = match.slice(1, 4).map(Number)
  if (cost < 1_024 || !Number.isInteger(Math.log2(cost)) || blockSize < 1 || parallel < 1)
    throw new PasswordHashError('has a cost that is no power of two from 1024 on')
  if (128 * cost * blockSize * parallel > MEMORY_BYTES_MAX)
    throw new PasswordHashError(
      'costs more than 64 MiB, which every wrong password would cost, too',
    )
  return {
    cost,
    blockSize,
    parallel,
    salt: Buffer.from(match[4] ?? '', 'base64url'),
    hash: Buffer.from(match[5] ?? '', 'base64url'),
  }
}

/** The text of a stored password. */
export function formatPasswordHash({
  cost,
  blockSize,
  parallel,
  salt,
  hash,
}: PasswordHash): string {
  const [saltText, hashText] = [salt, hash].map((bytes) => Buffer.from(bytes).toString('base64url'))
  return `scrypt:${cost}:${blockSize}:${parallel}:${saltText}:${hashText}`
}
