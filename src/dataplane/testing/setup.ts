import type { TestContext } from 'node:test'
import type {
  GatewaySpec,
  InstanceSpec,
  ServiceSpec,
  SnapshotOp,
} from '../../contracts/snapshot.ts'
import { assertAtRest } from './at-rest.ts'
import { type LocalWorker, startLocalWorker } from './local-worker.ts'
import { readFrom, type Reader } from './sockets.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from './specs.ts'
import type { Socket } from 'node:net'

export interface Setup {
  readonly service?: Partial<ServiceSpec>
  readonly gateway?: Partial<GatewaySpec>
  readonly instances?: readonly Partial<InstanceSpec>[]
}

/** A worker with the service `echo` on these ports; closed when the test ends, and asserted to leave nothing behind. */
export async function startGateway(
  t: TestContext,
  ports: readonly number[],
  setup: Setup = {},
): Promise<LocalWorker> {
  const worker = startLocalWorker()
  t.after(async () => {
    worker.close()
    await assertAtRest(worker)
  })
  const ops: SnapshotOp[] = [
    { op: 'service', service: serviceSpec(setup.service) },
    ...ports.map((port, index): SnapshotOp => ({
      op: 'instance',
      instance: instanceSpec(port, setup.instances?.[index]),
    })),
    { op: 'gateway', gateway: gatewaySpec(setup.gateway) },
  ]
  await worker.update(ops, true)
  return worker
}

/** A client connection that has sent `bytes`. */
export function say(
  t: TestContext,
  worker: LocalWorker,
  bytes: string,
  listener = 'gateway',
): { socket: Socket; reader: Reader } {
  const socket = worker.connect(listener)
  t.after(() => socket.destroy())
  const reader = readFrom(socket)
  socket.write(bytes, 'latin1')
  return { socket, reader }
}

/** `GET path` with a Host. */
export function get(path = '/', lines = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${lines}\r\n`
}

/** The reason code of an answer, '' where the instance made it. */
export function reasonIn(answer: string): string {
  return /^backplane-reason: (\S+)\r$/m.exec(answer)?.[1] ?? ''
}
