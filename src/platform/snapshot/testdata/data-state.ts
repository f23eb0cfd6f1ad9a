import { type CertificateOp, certificateKey } from '../../../contracts/certificates.ts'
import type {
  GatewaySpec,
  InstanceSpec,
  ServiceSpec,
  SnapshotOp,
  UpdateMessage,
} from '../../../contracts/snapshot.ts'

/** What a data plane knows after the updates that it got, applied as its workers apply them. */
export interface DataState {
  apply(update: UpdateMessage): void
  /** One line a thing, sorted. */
  view(): string[]
}

/** Starts knowing nothing. */
export function createDataState(): DataState {
  let gateway: GatewaySpec | undefined
  const services = new Map<string, { spec: ServiceSpec; instances: Map<string, InstanceSpec> }>()

  const certificates = new Map<string, CertificateOp>()

  function applyOp(op: SnapshotOp): void {
    switch (op.op) {
      case 'gateway':
        gateway = op.gateway
        return
      case 'service': {
        const known = services.get(op.service.name)
        services.set(op.service.name, {
          spec: op.service,
          instances: known?.instances ?? new Map<string, InstanceSpec>(),
        })
        return
      }
      case 'service-gone':
        return void services.delete(op.service)
      case 'instance':
        // Like the workers: an instance of an unknown service is not taken.
        return void services.get(op.instance.service)?.instances.set(op.instance.id, op.instance)
      case 'instance-gone':
        return void services.get(op.service)?.instances.delete(op.id)
      case 'certificate':
      case 'challenge':
      case 'trust':
      case 'client-authority':
        return void certificates.set(certificateKey(op), op)
      case 'certificate-gone':
      case 'challenge-gone':
      case 'trust-gone':
      case 'client-authority-gone':
        return void certificates.delete(certificateKey(op))
      default:
        return op satisfies never
    }
  }

  return {
    apply(update) {
      if (update.reset === true) {
        services.clear()
        certificates.clear()
      }
      for (const op of update.ops) applyOp(op)
    },
    view: () =>
      [
        ...(gateway === undefined ? [] : [`gateway ${JSON.stringify(gateway)}`]),
        ...[...certificates].map(([key, op]) => `${key} ${JSON.stringify(op)}`),
        ...[...services].flatMap(([name, { spec, instances }]) => [
          `service ${name} ${JSON.stringify(spec)}`,
          ...[...instances].map(([id, one]) => `instance ${name} ${id} ${JSON.stringify(one)}`),
        ]),
      ].toSorted(),
  }
}
