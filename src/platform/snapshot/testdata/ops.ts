import fc from 'fast-check'
import type { GatewaySpec, ServiceSpec, SnapshotOp } from '../../../contracts/snapshot.ts'

/** Specifications that differ in one number: what is in them is not the channel's business. */
export const gateway = (headersMax: number): SnapshotOp => ({
  op: 'gateway',
  gateway: {
    listeners: [],
    routes: [],
    limits: { headersMax },
    trustedProxies: [],
    hosts: [],
    traceSampleRate: 1,
  } as unknown as GatewaySpec,
})
export const service = (name: string, pendingMax: number): SnapshotOp => ({
  op: 'service',
  service: { name, pendingMax } as ServiceSpec,
})
export const gone = (name: string): SnapshotOp => ({ op: 'service-gone', service: name })
export const instance = (of: string, id: string, weight: number): SnapshotOp => ({
  op: 'instance',
  instance: { service: of, id, host: '127.0.0.1', port: 1, weight },
})
export const instanceGone = (of: string, id: string): SnapshotOp => ({
  op: 'instance-gone',
  service: of,
  id,
})

const certificate = (id: string, n: number): SnapshotOp => ({
  op: 'certificate',
  certificate: {
    id,
    names: [`${n}.example`],
    keyType: 'rsa',
    chain: '',
    key: '',
    isDefault: false,
  },
})
const challenge = (id: string, n: number): SnapshotOp => ({
  op: 'challenge',
  challenge: { kind: 'http-01', id, host: `${n}.example`, token: '', body: '' },
})

const clientAuthority = (name: string, n: number): SnapshotOp => ({
  op: 'client-authority',
  authority: { name, ca: `${n}` },
})

const names = fc.constantFrom('a', 'b')
const ids = fc.constantFrom('1', '2', '3')

/** Few names, so that they meet. */
export const snapshotOps: fc.Arbitrary<SnapshotOp> = fc.oneof(
  fc.nat(9).map(gateway),
  fc.tuple(names, fc.nat(9)).map(([name, n]) => service(name, n)),
  names.map(gone),
  fc.tuple(names, ids, fc.nat(9)).map(([of, id, n]) => instance(of, id, n)),
  fc.tuple(names, ids).map(([of, id]) => instanceGone(of, id)),
  fc.tuple(ids, fc.nat(9)).map(([id, n]) => certificate(id, n)),
  fc.tuple(ids, fc.nat(9)).map(([id, n]) => challenge(id, n)),
  ids.map((id): SnapshotOp => ({ op: 'certificate-gone', id })),
  ids.map((id): SnapshotOp => ({ op: 'challenge-gone', id })),
  fc.tuple(ids, fc.nat(9)).map(([name, n]) => clientAuthority(name, n)),
  ids.map((name): SnapshotOp => ({ op: 'client-authority-gone', name })),
)
