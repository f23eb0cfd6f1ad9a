import { z } from 'zod'

/** Name of a service or of the system: also a DNS label (RFC 1123), so that it can stand in a host name. */
export function label() {
  return z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: 'must be lower-case letters, digits and dashes, at most 63, such as payment-service',
  })
}

/** A path from the root of a host. */
export function absolutePath() {
  return z.string().startsWith('/', { error: 'must begin with /' })
}

/** A text that says something. */
export function filled() {
  return z.string().min(1, { error: 'must not be empty' })
}
