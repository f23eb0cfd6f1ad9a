import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { SqlRow } from '../../../platform/storage/messages.ts'
import type { Ledger } from '../engines/ledger.ts'
import { normalizedLogin } from './login.ts'
import { HashingBusyError, type Passwords } from './passwords.ts'

/** Codes that an account gets at once; each works once. */
const RECOVERY_CODES = 10
/** 80 bits: nobody tries that many over a network. */
const RECOVERY_BYTES = 10
/** Without what is read wrong: i, l, o, u. */
const RECOVERY_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** Characters of a login, a name, an address. */
export const ACCOUNT_TEXT_MAX = 200

/** Somebody who can sign in. */
export interface Account {
  readonly id: string
  /** What is typed at the login; lower case. */
  readonly login: string
  readonly name: string
  /** '' where there is none. */
  readonly email: string
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  readonly isDisabled: boolean
  readonly createdMs: number
}

/** What is given for a new account. */
export interface NewAccount {
  readonly login: string
  readonly name?: string | undefined
  readonly email?: string | undefined
  /** Undefined: only a recovery code or a passkey opens it. */
  readonly password?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
}

/** Accounts on the disk, with what opens them. */
export interface Accounts {
  find(id: string): Promise<Account | undefined>
  findByLogin(login: string): Promise<Account | undefined>
  list(): Promise<readonly Account[]>
  /** Undefined where the login is taken. Throws `HashingBusyError`. */
  add(account: NewAccount): Promise<Account | undefined>
  /** Replaces what is given. */
  change(
    id: string,
    change: Partial<Pick<Account, 'name' | 'email' | 'roles' | 'groups' | 'isDisabled'>>,
  ): Promise<Account | undefined>
  setPassword(id: string, password: string): Promise<void>
  /**
   * The account, where login and password are right and it is not disabled. Takes as long whether there is such an account or not. Hashes anew
   * what was hashed more cheaply. Throws `HashingBusyError`.
   */
  checkPassword(login: string, password: string): Promise<Account | undefined>
  /** New codes in place of the old ones; they are shown once. */
  makeRecoveryCodes(id: string): Promise<readonly string[]>
  /**
   * The account that the code opens, with the new password; of two that use it at once, one. Both or nothing: a code is not used up where the
   * password could not be set. Throws `HashingBusyError`.
   */
  useRecoveryCode(login: string, code: string, password: string): Promise<Account | undefined>
  countRecoveryCodes(id: string): Promise<number>
  /** With everything that hangs from it. */
  remove(id: string): Promise<boolean>
}

/** Stands on either engine. */
export function createAccounts(
  ledger: Ledger,
  passwords: Passwords,
  nowMs: () => number,
): Accounts {
  const one = async (column: 'id' | 'login', value: string) => {
    const [row] = await ledger.read(`SELECT * FROM identity_accounts WHERE ${column} = ?`, [value])
    return row
  }
  const find = async (id: string) => {
    const row = await one('id', id)
    return row === undefined ? undefined : accountOf(row)
  }
  /** Not where the password was changed meanwhile, and not while too many are hashed: then the next sign-in does it. */
  const rehash = async (id: string, password: string, before: string) => {
    try {
      const hash = await passwords.hash(password)
      await ledger.commit([
        {
          sql: 'UPDATE identity_accounts SET password = ? WHERE id = ? AND password = ?',
          params: [hash, id, before],
        },
      ])
    } catch (error) {
      if (!(error instanceof HashingBusyError)) throw error
    }
  }
  const accounts: Accounts = {
    find,
    async findByLogin(login) {
      const row = await one('login', normalizedLogin(login))
      return row === undefined ? undefined : accountOf(row)
    },
    async list() {
      const rows = await ledger.read('SELECT * FROM identity_accounts ORDER BY login LIMIT 10000')
      return rows.map(accountOf)
    },
    async add({ login, name = '', email = '', password, roles = [], groups = [] }) {
      const hash = password === undefined ? '' : await passwords.hash(password)
      const account = {
        id: randomUUID(),
        login: normalizedLogin(login),
        name,
        email,
        roles,
        groups,
      }
      const made = { ...account, isDisabled: false, createdMs: nowMs() }
      const outcome = await ledger.commit([insert(made, hash)])
      return outcome.outcome === 'committed' ? made : undefined
    },
    async change(id, change) {
      const before = await find(id)
      if (before === undefined) return undefined
      const next = { ...before, ...change }
      await ledger.commit([
        {
          sql: 'UPDATE identity_accounts SET name = ?, email = ?, roles = ?, account_groups = ?, is_disabled = ? WHERE id = ?',
          params: [
            next.name,
            next.email,
            JSON.stringify(next.roles),
            JSON.stringify(next.groups),
            next.isDisabled ? 1 : 0,
            id,
          ],
        },
      ])
      return next
    },
    async setPassword(id, password) {
      const hash = await passwords.hash(password)
      await ledger.commit([
        { sql: 'UPDATE identity_accounts SET password = ? WHERE id = ?', params: [hash, id] },
      ])
    },
    async checkPassword(login, password) {
      const row = await one('login', normalizedLogin(login))
      const stored = row === undefined ? '' : String(row['password'])
      const check = await passwords.check(password, stored === '' ? undefined : stored)
      if (row === undefined || !check.isRight) return undefined
      const account = accountOf(row)
      if (account.isDisabled) return undefined
      if (check.isOutdated) await rehash(account.id, password, stored)
      return account
    },
    async makeRecoveryCodes(id) {
      const codes = Array.from({ length: RECOVERY_CODES }, makeCode)
      await ledger.commit([
        { sql: 'DELETE FROM identity_recovery_codes WHERE account = ?', params: [id] },
        ...codes.map((code) => ({
          sql: 'INSERT INTO identity_recovery_codes (account, code) VALUES (?, ?)',
          params: [id, codeHash(code)],
        })),
      ])
      return codes
    },
    async useRecoveryCode(login, code, password) {
      const hash = await passwords.hash(password)
      const account = await accounts.findByLogin(login)
      // As much work for a name that there is not.
      const id = account === undefined || account.isDisabled ? '' : account.id
      const outcome = await ledger.commit([
        {
          sql: 'UPDATE identity_recovery_codes SET used_ms = ? WHERE account = ? AND code = ? AND used_ms IS NULL',
          params: [nowMs(), id, codeHash(code)],
          expects: 1,
        },
        { sql: 'UPDATE identity_accounts SET password = ? WHERE id = ?', params: [hash, id] },
      ])
      return outcome.outcome === 'committed' ? account : undefined
    },
    async countRecoveryCodes(id) {
      const [row] = await ledger.read(
        'SELECT count(*) AS n FROM identity_recovery_codes WHERE account = ? AND used_ms IS NULL',
        [id],
      )
      return Number(row?.['n'] ?? 0)
    },
    remove: (id) => removeAccount(ledger, id),
  }
  return accounts
}

async function removeAccount(ledger: Ledger, id: string): Promise<boolean> {
  const outcome = await ledger.commit([
    { sql: 'DELETE FROM identity_accounts WHERE id = ?', params: [id], expects: 1 },
    { sql: 'DELETE FROM identity_recovery_codes WHERE account = ?', params: [id] },
    { sql: 'DELETE FROM identity_passkeys WHERE account = ?', params: [id] },
    { sql: 'DELETE FROM identity_entries WHERE account = ?', params: [id] },
  ])
  return outcome.outcome === 'committed'
}

function insert(account: Account, hash: string) {
  return {
    sql: 'INSERT INTO identity_accounts (id, login, name, email, password, roles, account_groups, is_disabled, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)',
    params: [
      account.id,
      account.login,
      account.name,
      account.email,
      hash,
      JSON.stringify(account.roles),
      JSON.stringify(account.groups),
      account.createdMs,
    ],
    expects: 1,
  }
}

function accountOf(row: SqlRow): Account {
  return {
    id: String(row['id']),
    login: String(row['login']),
    name: String(row['name']),
    email: String(row['email']),
    roles: JSON.parse(String(row['roles'])) as string[],
    groups: JSON.parse(String(row['account_groups'])) as string[],
    isDisabled: Number(row['is_disabled']) === 1,
    createdMs: Number(row['created_ms']),
  }
}

/** `4f7k-9mzp-x2qd-0h8s`. */
function makeCode(): string {
  const bits = BigInt(`0x${randomBytes(RECOVERY_BYTES).toString('hex')}`)
  const letters = Array.from({ length: 16 }, (_, at) =>
    RECOVERY_ALPHABET.charAt(Number((bits >> BigInt(at * 5)) & 31n)),
  )
  return letters.join('').replaceAll(/(.{4})(?!$)/g, '$1-')
}

function codeHash(code: string): string {
  const plain = code.toLowerCase().replaceAll(/[^0-9a-z]/g, '')
  return createHash('sha256').update(`recovery code:${plain}`).digest('base64url')
}
