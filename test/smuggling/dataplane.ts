import { startLocalWorker } from '../../src/dataplane/testing/local-worker.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from '../../src/dataplane/testing/specs.ts'
import type { RunningProxy } from './judge.ts'

/** One worker of the data plane on this thread, which sends everything to one instance, as often as it likes. */
export async function startDataPlane(upstreamPort: number): Promise<RunningProxy> {
  const worker = startLocalWorker()
  await worker.update(
    [
      { op: 'service', service: serviceSpec() },
      { op: 'instance', instance: instanceSpec(upstreamPort) },
      { op: 'gateway', gateway: gatewaySpec() },
    ],
    true,
  )
  return {
    port: worker.port('gateway'),
    stop: async () => worker.close(),
  }
}
