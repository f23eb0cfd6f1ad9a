import type { Random } from '../../platform/capability.ts'
import type { InsideDoor } from './specify.ts'

/**
 * Inside doors live outside the ephemeral range of Linux (32768 to 60999) and macOS (49152 up), so that no outgoing
 * connection takes one of them while Backplane is down, and services keep their URLs over restarts of any of our processes.
 */
export const INSIDE_PORT_FIRST = 20_000
export const INSIDE_PORT_COUNT = 10_000

/** The ports in the range are used up; `calls` narrows the edges. */
export class InsidePortsUsedUpError extends Error {
  override readonly name = 'InsidePortsUsedUpError'
  readonly code = 'ERR_GATEWAY_INSIDE_PORTS_USED_UP'

  constructor() {
    super(
      `All ${INSIDE_PORT_COUNT} ports from ${INSIDE_PORT_FIRST} on are taken. List in \`calls\` which services each one really calls.`,
    )
  }
}

/** Gives each edge the port that it had before, and a new one from the range where it had none or the old one is taken. */
export function allocateInsideDoors(
  edges: readonly { readonly caller: string; readonly service: string }[],
  before: readonly InsideDoor[],
  taken: ReadonlySet<number>,
  random: Random,
): readonly InsideDoor[] {
  const kept = new Map(before.map((door) => [`${door.caller} ${door.service}`, door.port]))
  const used = new Set([...taken, ...kept.values()])
  let candidate = Math.floor(random() * INSIDE_PORT_COUNT)
  function nextPort(): number {
    for (let tried = 0; tried < INSIDE_PORT_COUNT; tried++) {
      const port = INSIDE_PORT_FIRST + (candidate++ % INSIDE_PORT_COUNT)
      if (used.has(port)) continue
      used.add(port)
      return port
    }
    throw new InsidePortsUsedUpError()
  }
  return edges.map(({ caller, service }) => {
    const old = kept.get(`${caller} ${service}`)
    return { caller, service, port: old === undefined || taken.has(old) ? nextPort() : old }
  })
}
