import type { CertificateView } from '../../api/certificates.ts'
import type { Tone } from '../../feed/views.ts'

/** As the problems have it: an end is near three weeks before it, and for short lives in their last seventh. */
const SOON_DAYS_MAX = 21
const SOON_SHARE = 1 / 7
const DAY_MS = 86_400_000

/** How a certificate stands, in words. */
export function expiryOf(
  { notBeforeMs, notAfterMs }: Pick<CertificateView, 'notBeforeMs' | 'notAfterMs'>,
  nowMs: number,
): { readonly tone: Tone; readonly text: string } {
  const leftMs = notAfterMs - nowMs
  if (leftMs <= 0) return { tone: 'bad', text: 'expired' }
  const soonMs = Math.min(SOON_DAYS_MAX * DAY_MS, (notAfterMs - notBeforeMs) * SOON_SHARE)
  return { tone: leftMs <= soonMs ? 'warning' : 'good', text: spanText(leftMs) }
}

/** A span in the largest unit that says enough. */
export function spanText(ms: number): string {
  const days = Math.floor(ms / DAY_MS)
  if (days >= 2) return `${days} days`
  const hours = Math.floor(ms / 3_600_000)
  if (hours >= 2) return `${hours} hours`
  return `${Math.max(1, Math.round(ms / 60_000))} min`
}

/** `2026-11-29 20:00`, UTC. */
export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}
