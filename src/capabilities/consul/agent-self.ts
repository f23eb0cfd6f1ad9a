import { createHash } from 'node:crypto'
import type { World } from './catalog-world.ts'

/** The version whose behaviour is offered; clients compare it with what they need. */
const VERSION = '1.20.0'
/** Where clients believe the gossip protocol; nobody connects to it. */
const GOSSIP_PORT = 8301

/** A UUID that this machine's node always has. */
export function nodeUuid(datacenter: string, node: string): string {
  const hex = createHash('sha256').update(`backplane ${datacenter} ${node}`).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ]
  return [...parts, hex.slice(20, 32)].join('-')
}

/** `GET /v1/agent/self`: what clients read of it. */
export function viewSelf(world: World): object {
  const { datacenter, node } = world
  return {
    Config: {
      Datacenter: datacenter,
      PrimaryDatacenter: datacenter,
      NodeName: node,
      NodeID: nodeUuid(datacenter, node),
      Server: true,
      Revision: 'backplane',
      Version: VERSION,
    },
    DebugConfig: {},
    Coord: null,
    Member: viewMember(world),
    Stats: {},
    Meta: {},
  }
}

/** The one member of the cluster. */
export function viewMember(world: World): object {
  return {
    Name: world.node,
    Addr: world.address(),
    Port: GOSSIP_PORT,
    Tags: { role: 'consul', dc: world.datacenter, build: `${VERSION}:backplane`, bootstrap: '1' },
    Status: 1,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  }
}
