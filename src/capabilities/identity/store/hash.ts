import { createHash } from 'node:crypto'

/**
 * Tokens, codes and ids are 256 bits of chance, so one round of SHA-256 is enough: what is stored finds them and cannot be presented. The kind is
 * part of it, so that one does not pass for another.
 */
export function hashOf(kind: string, value: string): string {
  return createHash('sha256').update(kind).update(':').update(value).digest('base64url')
}

/** Of a client's secret that was made by us; stored and compared in this form. */
export function secretHashOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url')
}
