import type { SqlStatement } from '../../platform/storage/messages.ts'
import type { Registration } from './registration.ts'

/** Stores a registration, in the place of what was stored under its name. */
export function storeOf(registration: Registration): SqlStatement {
  const { service, id } = registration.spec
  return {
    sql: 'INSERT OR REPLACE INTO discovery_registrations (service, id, body) VALUES (?, ?, ?)',
    params: [service, id, JSON.stringify(registration)],
  }
}

/** Deletes what was stored of a registration. */
export function deleteFrom(
  table: 'discovery_registrations' | 'discovery_overrides',
  service: string,
  id: string,
): SqlStatement {
  return { sql: `DELETE FROM ${table} WHERE service = ? AND id = ?`, params: [service, id] }
}

/** One text for the name of a registration. */
export function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}

/** The name again: names of services have no blanks. */
export function splitKey(key: string): readonly [service: string, id: string] {
  const at = key.indexOf(' ')
  return [key.slice(0, at), key.slice(at + 1)]
}
