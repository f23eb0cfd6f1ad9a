import type { Discovery } from '../discovery/api.ts'
import type { NodeHealth } from '../kv/api.ts'
import { nodeNameOf, type ConsulSettings } from './settings.ts'

/** What sessions hang on: nodes by the names that clients see, and checks by their id on the node. */
export function sessionHealth(
  settings: ConsulSettings,
  discovery: Pick<Discovery, 'localNode' | 'node' | 'checkOnNode' | 'onCheckChange' | 'subscribe'>,
): NodeHealth {
  const own = nodeNameOf(settings).toLowerCase()
  const isOurs = (name: string) => name.toLowerCase() === own
  const nodeOf = (name: string) => (isOurs(name) ? discovery.localNode : name)
  return {
    // This machine is always there.
    hasNode: (name) => isOurs(name) || discovery.node(name) !== undefined,
    statusOf(name, check) {
      if (isOurs(name) && check === 'serfHealth') return 'passing'
      return discovery.checkOnNode(nodeOf(name), check)?.check.status
    },
    subscribe(changed) {
      const ends = [
        discovery.onCheckChange(() => changed()),
        discovery.subscribe('nodes', () => changed()),
      ]
      return () => {
        for (const end of ends) end()
      }
    },
  }
}
