import { createHash, randomBytes, scrypt } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { formatPasswordHash } from '../mechanisms/password-hash/password-hash.ts'
import { CommandError } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded } from './command.ts'
import type { Io } from './io.ts'

const spec = {
  name: 'credential',
  summary:
    'Makes what `auth` of a route takes: a random key with its hash, or the hash of a password that is read from standard input.',
  positionals: [{ name: 'KIND', description: 'key or password.' }],
  flags: { json: { type: 'boolean', description: 'Print JSON.' } },
} as const satisfies CommandSpec

/** OWASP's second choice of parameters for scrypt: 32 MiB, some 60 ms. */
const SCRYPT = { cost: 32_768, blockSize: 8, parallel: 1 }
const HASH_BYTES = 32
const PASSWORD_LENGTH_MIN = 8

/** `backplane credential key`, `backplane credential password < file`. */
export async function runCredential(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const made = await makeCredential(positionals[0] ?? '', io)
    io.stdout.write(flags.json ? `${JSON.stringify(made)}\n` : linesOf(made))
    return 0
  })
}

type Made = { readonly key: string; readonly sha256: string } | { readonly hash: string }

async function makeCredential(kind: string, io: Io): Promise<Made> {
  if (kind === 'key') {
    const key = randomBytes(32).toString('base64url')
    return { key, sha256: createHash('sha256').update(key).digest('hex') }
  }
  if (kind === 'password') return { hash: await hashPassword(await readPassword(io)) }
  throw new CommandError(
    'ERR_COMMAND_CREDENTIAL',
    `there is no credential '${kind}'; write key or password`,
    2,
  )
}

/** Never an argument: those can be seen by everybody on the machine. */
async function readPassword({ stdin }: Io): Promise<string> {
  const password = stdin === undefined ? '' : (await text(stdin)).replace(/\r?\n$/, '')
  if (password.length >= PASSWORD_LENGTH_MIN) return password
  const message = `the password on standard input has fewer than ${PASSWORD_LENGTH_MIN} characters`
  throw new CommandError('ERR_COMMAND_CREDENTIAL', message, 2)
}

async function hashPassword(password: string): Promise<string> {
  const derive = promisify(
    (word: string, salt: Buffer, done: (error: Error | null, hash: Buffer) => void) =>
      scrypt(
        word,
        salt,
        HASH_BYTES,
        { N: SCRYPT.cost, r: SCRYPT.blockSize, p: SCRYPT.parallel, maxmem: 64 * 1024 * 1024 },
        done,
      ),
  )
  const salt = randomBytes(16)
  return formatPasswordHash({
    ...SCRYPT,
    salt,
    hash: await derive(password.normalize('NFC'), salt),
  })
}

function linesOf(made: Made): string {
  if ('hash' in made) return `hash: ${made.hash}\n`
  return `key (give it to the caller; it is shown only now): ${made.key}\nsha256 (write it into the file): ${made.sha256}\n`
}
