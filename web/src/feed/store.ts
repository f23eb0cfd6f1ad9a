import { useSyncExternalStore } from 'react'
import type { Connection, ConnectionState } from './connection.ts'
import { connectFeed } from './connection.ts'
import type { SystemState } from './state.ts'
import { reduceFeed } from './state.ts'

interface Snapshot {
  readonly system: SystemState | null
  readonly connection: ConnectionState
}

let snapshot: Snapshot = { system: null, connection: { state: 'connecting' } }
let connection: Connection | null = null
const listeners = new Set<() => void>()

function publish(next: Snapshot): void {
  if (next.system === snapshot.system && next.connection === snapshot.connection) return
  snapshot = next
  for (const listener of listeners) listener()
}

/** Opens the feed; once, when the page is loaded. */
export function startFeed(): void {
  connection ??= connectFeed(
    '/api/v1/feed',
    (message) => publish({ ...snapshot, system: reduceFeed(snapshot.system, message) }),
    (state) => publish({ ...snapshot, connection: state }),
  )
}

/** Attempts to reach the server now. */
export function retryFeed(): void {
  connection?.retryNow()
}

/** A part of the state; the component renders again only when `select` returns something else. */
export function useFeed<Part>(select: (snapshot: Snapshot) => Part): Part {
  return useSyncExternalStore(subscribe, () => select(snapshot))
}

/** The system; only below the shell, which renders pages once there is a picture. */
export function useSystem(): SystemState {
  const system = useFeed((now) => now.system)
  if (system === null) throw new Error('a page was rendered before the first picture')
  return system
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
