import type { ListenerRow } from '../../platform/listeners/table.ts'

/** The listener of the issuer itself, for the gateway in front of it: identity opens it, control tells of it. */
export const listenerRow = {
  protocol: 'http',
  port: 4001,
  about: 'OAuth2 and OpenID Connect issuer',
  access: 'public',
  section: 'identity',
} as const satisfies ListenerRow
