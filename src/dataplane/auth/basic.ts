import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { BasicWay } from '../../contracts/auth.ts'
import {
  type PasswordHash,
  parsePasswordHash,
} from '../../mechanisms/password-hash/password-hash.ts'
import type { Clock } from '../../platform/capability.ts'
import { type Identity, identityOfGrantee, missingOf } from './identity.ts'
import { ABSENT, type Deferred, type Outcome, refused } from './outcome.ts'
import { TokenCache } from './token-cache.ts'

/** RFC 7617: name and password in base64. */
const SCHEME = /^basic +([A-Za-z0-9+/]+={0,2})$/i
const CREDENTIALS_LENGTH_MAX = 1_024
/** Hashes under way at a time, a worker: each takes a core for tens of milliseconds. */
const HASHING_MAX = 2
/** Requests that wait for one; beyond it 503. */
const HASHING_WAITING_MAX = 64
/** How long a password that was right is not hashed again. */
const REMEMBERED_MS = 60_000
const REMEMBERED_BYTES_MAX = 4 * 1024 * 1024
/** Stands for the hash of a user that there is not: to be found out takes as long as to be wrong. */
const NOBODY = 'scrypt:16384:8:1:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

interface User {
  readonly hash: PasswordHash
  readonly identity: Identity
}

/** Judges name and password. Passwords are hashed slowly, on other threads; one that was right is remembered for a minute, by a keyed hash. */
export function compileBasicWay(
  way: BasicWay,
  clock: Clock,
): (authorization: string | undefined) => Outcome | Deferred {
  const users = new Map<string, User>()
  for (const { hash, ...grantee } of way.users) {
    users.set(grantee.id, {
      hash: parsePasswordHash(hash),
      identity: identityOfGrantee('basic', grantee),
    })
  }
  const nobody = parsePasswordHash(NOBODY)
  const remembered = new TokenCache<Identity>(REMEMBERED_BYTES_MAX)
  const salt = randomBytes(32).toString('base64')
  const gate = createGate()

  return (authorization) => {
    const encoded = authorization === undefined ? undefined : SCHEME.exec(authorization)?.[1]
    if (encoded === undefined) return ABSENT
    if (encoded.length > CREDENTIALS_LENGTH_MAX) return refused('name and password are too long')
    const name = TokenCache.nameOf(salt + encoded)
    const known = remembered.get(name, clock.nowMs())
    if (known !== undefined) return outcomeFor(way, known)
    const text = Buffer.from(encoded, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    if (colon < 0) return refused('there is no colon between name and password')
    if (!gate.hasRoom) return { kind: 'unavailable', why: 'too many passwords wait to be hashed' }
    const user = users.get(text.slice(0, colon))
    const password = text.slice(colon + 1)
    return async () => {
      const isRight = await gate.run(() => matches(password, user?.hash ?? nobody))
      if (!isRight || user === undefined) return refused('name or password are not right')
      remembered.set(name, user.identity, 0, clock.nowMs() + REMEMBERED_MS)
      return outcomeFor(way, user.identity)
    }
  }
}

function outcomeFor(way: BasicWay, identity: Identity): Outcome {
  const missing = missingOf(identity, way)
  return missing === undefined ? { kind: 'granted', identity } : { kind: 'forbidden', why: missing }
}

function matches(
  password: string,
  { cost, blockSize, parallel, salt, hash }: PasswordHash,
): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const options = { N: cost, r: blockSize, p: parallel, maxmem: 256 * cost * blockSize }
  scrypt(password.normalize('NFC'), salt, hash.length, options, (error, own) => {
    if (error !== null) reject(error)
    else resolve(timingSafeEqual(own, hash))
  })
  return promise
}

/** A few at a time; the others wait their turn. */
function createGate() {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    get hasRoom() {
      return waiting.length < HASHING_WAITING_MAX
    },
    async run<Value>(work: () => Promise<Value>): Promise<Value> {
      if (running >= HASHING_MAX) {
        const turn = Promise.withResolvers<void>()
        waiting.push(turn.resolve)
        await turn.promise
      } else running++
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) running--
        else next()
      }
    },
  }
}
