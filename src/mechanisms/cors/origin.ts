/** An origin that a configuration allows (Fetch standard, section 3.3). */
export type OriginPattern =
  /** `*`. */
  | { readonly kind: 'any' }
  /** An origin as browsers send it, or `null` (sandboxed frames, files). */
  | { readonly kind: 'exact'; readonly origin: string }
  /** `https://*.example.com:8443`: any host with one or more labels before the rest. */
  | { readonly kind: 'below'; readonly prefix: string; readonly suffix: string }

/** An origin in a configuration that no browser sends. The message goes behind the text. */
export class OriginError extends Error {
  override readonly name = 'OriginError'
  readonly code = 'ERR_CORS_ORIGIN'
}

const WEB = /^https?:\/\//
const STAR = '*.'
/** Of schemes that are not http or https, such as those of browser extensions and apps. */
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(?::\d{1,5})?$/

/** @throws OriginError */
export function parseOriginPattern(text: string): OriginPattern {
  if (text === '*') return { kind: 'any' }
  if (text === 'null') return { kind: 'exact', origin: text }
  const scheme = WEB.exec(text)?.[0]
  if (scheme === undefined) {
    if (OTHER_ORIGIN.test(text)) return { kind: 'exact', origin: text }
    throw new OriginError(
      'is no origin; write https://app.example.com, https://*.example.com, null or *',
    )
  }
  const rest = text.slice(scheme.length)
  if (!rest.startsWith(STAR)) {
    if (rest.includes('*'))
      throw new OriginError(
        'has a * that is not the whole first label; write https://*.example.com',
      )
    const origin = asSent(text)
    if (origin === text) return { kind: 'exact', origin }
    throw new OriginError(`is not as browsers send it; write ${origin}`)
  }
  const base = scheme + rest.slice(STAR.length)
  const origin = rest.includes('*', 1) ? undefined : asSent(base)
  if (origin !== base)
    throw new OriginError(
      'has no host behind *.; write https://*.example.com, in lower case and without path',
    )
  return { kind: 'below', prefix: scheme, suffix: `.${rest.slice(STAR.length)}` }
}

/** As a browser writes it: lower case, without a default port, path or user. */
function asSent(text: string): string {
  let origin: string
  try {
    origin = new URL(text).origin
  } catch {
    throw new OriginError('is no origin; write https://app.example.com')
  }
  return origin
}

/** Whether `origin` stands below the pattern: whole labels, nothing that could end a host name early. */
export function isBelow(
  pattern: { readonly prefix: string; readonly suffix: string },
  origin: string,
): boolean {
  const { prefix, suffix } = pattern
  const end = origin.length - suffix.length
  if (end <= prefix.length || !origin.startsWith(prefix) || !origin.endsWith(suffix)) return false
  let wasDot = true
  for (let at = prefix.length; at < end; at++) {
    const char = origin.charCodeAt(at)
    const isDot = char === 0x2e
    if (isDot && wasDot) return false
    if (!isDot && !isLabelCharacter(char)) return false
    wasDot = isDot
  }
  return !wasDot
}

/** Lower-case letters, digits, '-' and '_': browsers send host names in this form, others in Punycode. */
function isLabelCharacter(char: number): boolean {
  return (
    (char >= 0x61 && char <= 0x7a) ||
    (char >= 0x30 && char <= 0x39) ||
    char === 0x2d ||
    char === 0x5f
  )
}
