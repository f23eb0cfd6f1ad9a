import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const SALT_BYTES = 16
const HASH_BYTES = 32
const PARALLELISM = 1
/** Who waits behind this many is told to come back: a queue of minutes helps nobody. */
const WAITING_MAX = 64
/** Longer ones are cut off by nobody and cost memory; RFC 9106 has no limit, ours is beyond what people type. */
export const PASSWORD_CHARACTERS_MAX = 1024

const hashArgon2 = promisify(argon2)

/** Cost of a hash (RFC 9106). */
export interface HashCost {
  readonly memoryKib: number
  readonly passes: number
}

/** Too many passwords are being hashed. */
export class HashingBusyError extends Error {
  override readonly name = 'HashingBusyError'
  readonly code = 'ERR_IDENTITY_BUSY'

  constructor() {
    super('Too many people sign in at this moment. Try again in a few seconds.')
  }
}

/** What became of a check. */
export interface PasswordCheck {
  readonly isRight: boolean
  /** Its hash is cheaper than today's: hash it anew. */
  readonly isOutdated: boolean
}

/** Hashes passwords, at most so many side by side, so that nothing else in this process waits for them. */
export interface Passwords {
  /** PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. Throws `HashingBusyError`. */
  hash(password: string): Promise<string>
  /** With `undefined` in place of a hash it takes as long as with one, and is false. Throws `HashingBusyError`. */
  check(password: string, stored: string | undefined): Promise<PasswordCheck>
}

/** Why it cannot be a password; '' where it can. */
export function passwordFault(password: string, lengthMin: number): string {
  if (password.length < lengthMin) return `A password has at least ${lengthMin} characters.`
  if (password.length > PASSWORD_CHARACTERS_MAX) {
    return `A password has at most ${PASSWORD_CHARACTERS_MAX} characters.`
  }
  return ''
}

/** @param pepper a secret that is not in the database: without it a stolen one cannot be tried. */
export function createPasswords(
  pepper: Uint8Array,
  cost: () => HashCost & { readonly concurrency: number },
): Passwords {
  let running = 0
  const waiting: (() => void)[] = []
  const dummies = new Map<string, Promise<string>>()

  async function withPlace<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running >= cost().concurrency) {
      if (waiting.length >= WAITING_MAX) throw new HashingBusyError()
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }

  async function compute(password: string, salt: Uint8Array, { memoryKib, passes }: HashCost) {
    return withPlace(() =>
      hashArgon2('argon2id', {
        message: Buffer.from(password.normalize('NFC'), 'utf8'),
        nonce: salt,
        secret: pepper,
        parallelism: PARALLELISM,
        tagLength: HASH_BYTES,
        memory: memoryKib,
        passes,
      }),
    )
  }

  async function hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES)
    const { memoryKib, passes } = cost()
    return format({
      memoryKib,
      passes,
      salt,
      hash: await compute(password, salt, { memoryKib, passes }),
    })
  }

  return {
    hash,
    async check(password, stored) {
      const { memoryKib, passes } = cost()
      const key = `${memoryKib} ${passes}`
      if (stored === undefined && !dummies.has(key)) {
        dummies.clear()
        const salt = randomBytes(SALT_BYTES)
        const dummy = { memoryKib, passes, salt, hash: randomBytes(HASH_BYTES) }
        dummies.set(key, Promise.resolve(format(dummy)))
      }
      const parsed = parse(stored ?? (await dummies.get(key)) ?? '')
      if (parsed === undefined) return { isRight: false, isOutdated: false }
      const computed = await compute(password, parsed.salt, parsed)
      const isRight =
        computed.length === parsed.hash.length &&
        timingSafeEqual(computed, parsed.hash) &&
        stored !== undefined
      const isOutdated = parsed.memoryKib !== memoryKib || parsed.passes !== passes
      return { isRight, isOutdated: isRight && isOutdated }
    },
  }
}

interface Hashed extends HashCost {
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

function format({ memoryKib, passes, salt, hash }: Hashed): string {
  const plain = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${PARALLELISM}$${plain(salt)}$${plain(hash)}`
}

function parse(text: string): Hashed | undefined {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=1\$([A-Za-z0-9+/]{8,})\$([A-Za-z0-9+/]{16,})$/.exec(
      text,
    )
  if (match === null) return undefined
  const [, memory, passes, salt = '', hash = ''] = match
  return {
    memoryKib: Number(memory),
    passes: Number(passes),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  }
}
