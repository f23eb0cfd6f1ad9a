import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import type { Log } from '../../../platform/capability.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Passkeys } from '../accounts/passkeys.ts'
import type { Throttle } from '../accounts/throttle.ts'
import type { Vault } from '../keys/vault.ts'
import { pageHeaders, renderPage, type Page, type PageLook } from '../pages/layout.ts'
import type { EntryStore } from '../store/entries.ts'
import type { BeginLimit } from './begin-limit.ts'

/** What pages stand on; a reload or a rotation of keys makes a new one. */
export interface WebGround {
  readonly provider: Provider
  readonly state: IdentityState
  readonly look: PageLook
  readonly accounts: Accounts
  readonly passkeys: Passkeys
  readonly entries: EntryStore
  readonly vault: Vault
  readonly throttle: Throttle
  readonly beginLimit: BeginLimit
  /** Of the tokens in forms. */
  readonly formSecret: Uint8Array
  readonly log: Log
}

/** One request for a page of ours. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Behind the base, without the query: `/account`. */
  readonly path: string
  /** Of whoever is in front of us. */
  readonly address: string
}

/** Sends a page. */
export function sendPage(
  { response }: Exchange,
  { look }: Pick<WebGround, 'look'>,
  page: Page,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = renderPage(page, look)
  response.writeHead(status, {
    ...pageHeaders(page),
    ...headers,
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/** 303: whatever was sent is not sent again (RFC 9700 section 4.12). Only ever to a path or a URL that we made. */
export function redirect({ response }: Exchange, location: string): void {
  response.writeHead(303, { location, 'content-length': 0, 'cache-control': 'no-store' })
  response.end()
}

/** JSON for our own script. */
export function sendJson({ response }: Exchange, value: unknown, status = 200): void {
  const text = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
