import type { Accounts } from '../accounts/accounts.ts'
import type { StoredKey } from '../keys/key-store.ts'
import type { PageLook } from '../pages/layout.ts'
import type { AdapterGround } from './adapter.ts'

/** What the server is made of, besides what the file says. */
export interface ServerGround extends AdapterGround {
  readonly accounts: Accounts
  /** In the order of `orderKeys`. */
  readonly keys: readonly StoredKey[]
  readonly cookieKeys: readonly string[]
  readonly nonceSecret: Uint8Array
  readonly look: PageLook
}
