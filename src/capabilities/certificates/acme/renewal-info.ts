import type { Random } from '../../../platform/capability.ts'
import { parsePair } from '../parse-pair.ts'
import { AcmeError } from './acme-error.ts'
import { type HostMemory, memoryFile } from './host-memory.ts'
import { nextAsk, renewalWithin } from './schedule.ts'
import type { AcmeSession } from './session.ts'

const EXPLANATION_MAX = 500

/**
 * Asks when the certificate should be renewed (RFC 9773): what is to be remembered then. That an authority offers nothing of it, or does not answer, changes nothing but
 * when it is asked again.
 */
export async function askWindow(
  session: AcmeSession,
  memory: HostMemory,
  nowMs: number,
  random: Random,
): Promise<HostMemory> {
  const later = (retryAtMs: number): HostMemory => ({
    ...memory,
    askAtMs: nextAsk(nowMs, retryAtMs),
  })
  const { certificate } = memory
  if (certificate === undefined) return memory
  try {
    const { renewalInfo } = await session.directory()
    const { renewalName } = await import('./proof.ts')
    const name = renewalInfo === '' ? undefined : renewalName(certificate.chain)
    if (name === undefined) return later(Infinity)
    const { value, retryAtMs } = await session.get(`${renewalInfo.replace(/\/$/, '')}/${name}`)
    const window = parseWindow(value)
    if (window === undefined) return later(retryAtMs)
    const { startMs, endMs } = window
    const isSame = memory.window?.startMs === startMs && memory.window.endMs === endMs
    const renewAtMs = isSame
      ? memory.renewAtMs
      : renewalWithin(window, lifeOf(certificate, nowMs), random)
    return { ...later(retryAtMs), window, renewAtMs }
  } catch (error) {
    return later(error instanceof AcmeError ? error.retryAtMs : 0)
  }
}

function lifeOf(
  { chain, key }: NonNullable<HostMemory['certificate']>,
  nowMs: number,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const file = memoryFile('')
  return parsePair({ certificateFile: file, keyFile: file, certificate: chain, key }, nowMs)
}

function parseWindow(
  value: Readonly<Record<string, unknown>>,
): NonNullable<HostMemory['window']> | undefined {
  const { suggestedWindow, explanationURL } = value
  const { start, end } = (suggestedWindow ?? {}) as Readonly<Record<string, unknown>>
  const [startMs, endMs] = [start, end].map((text) =>
    typeof text === 'string' ? Date.parse(text) : Number.NaN,
  )
  // RFC 9773 section 4.2: one that ends before it begins is treated as none.
  if (startMs === undefined || endMs === undefined || !(startMs < endMs)) return undefined
  const explanation = typeof explanationURL === 'string' ? explanationURL : ''
  return { startMs, endMs, explanation: explanation.slice(0, EXPLANATION_MAX) }
}
