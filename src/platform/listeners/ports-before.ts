import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The ports of our listeners before this control plane started, by name. The supervisor keeps them in `run/state.json` while it runs;
 * a control plane that was restarted finds them there, so that clients need not look for a listener again.
 */
export async function readPortsBefore(dataDir: string): Promise<ReadonlyMap<string, number>> {
  try {
    const text = await readFile(join(dataDir, 'run', 'state.json'), 'utf8')
    const { listen = {} } = JSON.parse(text) as { readonly listen?: Record<string, unknown> }
    const ports = Object.entries(listen).map(
      ([name, address]) => [name, Number(String(address).split(':').at(-1))] as const,
    )
    return new Map(ports.filter(([, port]) => Number.isInteger(port)))
  } catch {
    return new Map()
  }
}
