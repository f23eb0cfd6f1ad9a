import type { Listeners } from '../opening.ts'

/** For a capability that opens nothing: every listener is off. */
export const noListeners: Listeners = {
  http: () => Promise.resolve(undefined),
  lean: () => Promise.resolve(undefined),
  tcp: () => Promise.resolve(undefined),
  udp: () => Promise.resolve(undefined),
  udpAndTcp: () => Promise.resolve(undefined),
}
