import type { Discovery } from '../discovery/api.ts'
import type { Instance, Twin } from '../discovery/model.ts'
import type { EurekaApp, EurekaRegistration, EurekaView } from './model.ts'
import { viewOf } from './views.ts'

/** The source of registrations that came in here. */
export const SOURCE = 'eureka'

/** An instance, and what it registered in Eureka where it did. */
export interface Entry {
  readonly instance: Instance
  readonly registration: EurekaRegistration | undefined
  readonly twin: Twin | undefined
}

type Registry = Pick<
  Discovery,
  'serviceName' | 'services' | 'instances' | 'instance' | 'twin' | 'indexOf' | 'flush'
>

/** What an instance of the house registered here. */
export function twinOf({ twins }: Instance): Twin | undefined {
  return twins.find(({ source }) => source === SOURCE)
}

/** Everybody who is there, of all sources, as applications and instances. */
export class Directory {
  readonly #registry: Registry
  readonly #parsed = new WeakMap<Instance, { document: string; registration: EurekaRegistration }>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Rises with each change of what is told here. */
  version(): string {
    return String(this.#registry.indexOf('all'))
  }

  /** The service of an application: the one that is there, in any case; else in small letters. */
  serviceOf(app: string): string {
    return this.#registry.serviceName(app) ?? app.toLowerCase()
  }

  entry(app: string, instanceId: string): Entry | undefined {
    const service = this.serviceOf(app)
    const found = this.#registry.twin(service, instanceId)
    const instance = found?.instance ?? this.#registry.instance(service, instanceId)
    return instance && this.entryOf(instance)
  }

  entryOf(instance: Instance): Entry {
    const twin = twinOf(instance)
    return { instance, twin, registration: this.#registrationOf(instance, twin) }
  }

  view(instance: Instance, actionType?: EurekaView['actionType']): EurekaView {
    const { registration, twin } = this.entryOf(instance)
    return viewOf(instance, registration, twin, actionType)
  }

  /** Undefined where nobody is there. */
  app(name: string): EurekaApp | undefined {
    const instances = [...this.#registry.instances(this.serviceOf(name))]
    if (instances.length === 0) return undefined
    return { name: name.toUpperCase(), instances: instances.map((one) => this.view(one)) }
  }

  apps(): readonly EurekaApp[] {
    return [...this.#registry.services()]
      .filter(({ instanceCount }) => instanceCount > 0)
      .map(({ name }) => ({
        name: name.toUpperCase(),
        instances: [...this.#registry.instances(name)].map((one) => this.view(one)),
      }))
  }

  /** Instances of any application that has this virtual address. */
  appsOfVip(vip: string, isSecure: boolean): readonly EurekaApp[] {
    const has = (view: EurekaView): boolean => {
      const addresses = isSecure ? view.secureVipAddress : view.vipAddress
      return addresses.split(',').some((one) => one.trim().toLowerCase() === vip.toLowerCase())
    }
    return this.apps()
      .map((app) => ({ ...app, instances: app.instances.filter(has) }))
      .filter(({ instances }) => instances.length > 0)
  }

  /** By its id alone, in whatever application. */
  instanceById(instanceId: string): Entry | undefined {
    for (const { name } of this.#registry.services()) {
      const found = this.entry(name, instanceId)
      if (found !== undefined) return found
    }
    return undefined
  }

  #registrationOf(instance: Instance, twin: Twin | undefined): EurekaRegistration | undefined {
    const own = instance.source === SOURCE ? instance.document : undefined
    const document = twin?.spec.document ?? own
    if (document === undefined) return undefined
    const known = this.#parsed.get(instance)
    if (known?.document === document) return known.registration
    // Written by us, and never by anybody else of this source.
    const registration = JSON.parse(document) as EurekaRegistration
    this.#parsed.set(instance, { document, registration })
    return registration
  }
}
