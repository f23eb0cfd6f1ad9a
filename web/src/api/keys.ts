import { send } from './actions.ts'

/** One key of a list. */
export interface KeySummary {
  readonly key: string
  readonly bytes: number
  readonly modifyIndex: number
  /** Id of the session that holds it; '' for none. */
  readonly session: string
  readonly lockIndex: number
}

/** The answer of `GET /api/v1/keys`. */
export interface KeyList {
  readonly prefix: string
  readonly folders: readonly { readonly folder: string; readonly count: number }[]
  readonly keys: readonly KeySummary[]
  readonly isComplete: boolean
}

/** The answer of `GET /api/v1/keys/entry`. */
export interface KeyEntry extends KeySummary {
  readonly flags: string
  readonly createIndex: number
  /** What is not text is base64, and is not edited here. */
  readonly encoding: 'utf8' | 'base64'
  readonly value: string
}

/** A session with the keys that it holds. */
export interface SessionView {
  readonly id: string
  readonly name: string
  readonly node: string
  readonly behavior: 'release' | 'delete'
  readonly ttlMs: number
  readonly lockDelayMs: number
  /** Null where it has no TTL. */
  readonly endsInMs: number | null
  readonly keys: readonly string[]
}

const entry = '/api/v1/keys/entry'

/** Keys and folders below a prefix. Throws `ActionError`. */
export async function loadKeys(prefix: string): Promise<KeyList> {
  return (await send('GET', `/api/v1/keys?prefix=${encodeURIComponent(prefix)}`)) as KeyList
}

/** One key. Throws `ActionError`. */
export async function loadKey(key: string): Promise<KeyEntry> {
  return (await send('GET', `${entry}?key=${encodeURIComponent(key)}`)) as KeyEntry
}

/** Sets it if it is still as it was read; index 0: if there is none. Throws `ActionError` with 409. */
export async function setKey(key: string, value: string, index: number): Promise<KeyEntry> {
  return (await send('PUT', entry, { key, value, index })) as KeyEntry
}

/** Deletes it if it is still as it was read. Throws `ActionError` with 409. */
export async function deleteKey(key: string, index: number): Promise<void> {
  await send('DELETE', `${entry}?key=${encodeURIComponent(key)}&index=${index}`)
}

/** All sessions. Throws `ActionError`. */
export async function loadSessions(): Promise<readonly SessionView[]> {
  return (await send('GET', '/api/v1/sessions')) as readonly SessionView[]
}

/** Ends a session. Throws `ActionError`. */
export async function destroySession(id: string): Promise<void> {
  await send('DELETE', `/api/v1/sessions/${encodeURIComponent(id)}`)
}
