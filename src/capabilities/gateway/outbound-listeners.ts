import type { Random } from '../../platform/capability.ts'
import type { OutboundListener } from './specify.ts'

/**
 * outbound listeners live outside the ephemeral range of Linux (32768 to 60999) and macOS (49152 up), so that no outgoing
 * connection takes one of them while Backplane is down, and services keep their URLs over restarts of any of our processes.
 */
export const OUTBOUND_PORT_FIRST = 20_000
export const OUTBOUND_PORT_COUNT = 10_000

/** The ports in the range are used up; `calls` narrows the edges. */
export class OutboundPortsUsedUpError extends Error {
  override readonly name = 'OutboundPortsUsedUpError'
  readonly code = 'ERR_GATEWAY_OUTBOUND_PORTS_USED_UP'

  constructor() {
    super(
      `All ${OUTBOUND_PORT_COUNT} ports from ${OUTBOUND_PORT_FIRST} on are taken. List in \`calls\` which services each one really calls.`,
    )
  }
}

/** Gives each edge the port that it had before, and a new one from the range where it had none or the old one is taken. */
export function allocateOutboundListeners(
  edges: readonly { readonly caller: string; readonly service: string }[],
  before: readonly OutboundListener[],
  taken: ReadonlySet<number>,
  random: Random,
): readonly OutboundListener[] {
  const kept = new Map(
    before.map((listener) => [`${listener.caller} ${listener.service}`, listener.port]),
  )
  const used = new Set([...taken, ...kept.values()])
  let candidate = Math.floor(random() * OUTBOUND_PORT_COUNT)
  function nextPort(): number {
    for (let tried = 0; tried < OUTBOUND_PORT_COUNT; tried++) {
      const port = OUTBOUND_PORT_FIRST + (candidate++ % OUTBOUND_PORT_COUNT)
      if (used.has(port)) continue
      used.add(port)
      return port
    }
    throw new OutboundPortsUsedUpError()
  }
  return edges.map(({ caller, service }) => {
    const old = kept.get(`${caller} ${service}`)
    return { caller, service, port: old === undefined || taken.has(old) ? nextPort() : old }
  })
}
