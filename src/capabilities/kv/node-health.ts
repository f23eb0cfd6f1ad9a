import type { Discovery } from '../discovery/api.ts'
import type { NodeHealth } from './api.ts'
import { NODE_CHECK } from './sessions.ts'

/** What sessions need of the registry. */
type Registry = Pick<Discovery, 'node' | 'checkOnNode' | 'onCheckChange'>

/** The nodes of the registry, with this machine's under the name that clients know. */
export function healthOfNodes(
  registry: Registry,
  local: { readonly registered: string; readonly name: string },
): NodeHealth {
  const isLocal = (node: string): boolean => node.toLowerCase() === local.name.toLowerCase()
  const registered = (node: string): string => (isLocal(node) ? local.registered : node)
  return {
    hasNode: (node) => isLocal(node) || registry.node(node) !== undefined,
    statusOf(node, check) {
      // Whoever asks is answered: this machine is there.
      if (isLocal(node) && check === NODE_CHECK) return 'passing'
      return registry.checkOnNode(registered(node), check)?.check.status
    },
    subscribe: (changed) => registry.onCheckChange(() => changed()),
  }
}
