/** How an instance says that it is, and how it is told (com.netflix.appinfo.InstanceInfo.InstanceStatus). */
export const STATUSES = ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'] as const

export type EurekaStatus = (typeof STATUSES)[number]

/** A port and whether it is served. */
export interface EurekaPort {
  readonly number: number
  readonly isEnabled: boolean
}

/** Where an instance runs. */
export interface DataCenter {
  /** Java's name of its kind, which clients need to read it. */
  readonly class: string
  /** `MyOwn` or `Amazon`. */
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Anywhere but in Amazon's cloud. */
export const MY_OWN: DataCenter = {
  class: 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
  name: 'MyOwn',
  metadata: {},
}

/** What an instance registers. Kept as it came, so that others get it back as it was. */
export interface EurekaRegistration {
  readonly instanceId: string
  readonly app: string
  readonly hostName: string
  readonly ipAddr: string
  readonly status: EurekaStatus
  readonly port: EurekaPort
  readonly securePort: EurekaPort
  readonly vipAddress: string
  readonly secureVipAddress: string
  readonly homePageUrl: string
  readonly statusPageUrl: string
  readonly healthCheckUrl: string
  readonly secureHealthCheckUrl: string
  readonly appGroupName: string
  readonly asgName: string
  readonly countryId: number
  readonly dataCenter: DataCenter
  readonly metadata: Readonly<Record<string, string>>
  readonly renewalIntervalS: number
  readonly durationS: number
  /** Unix ms at which the instance says that it changed last. */
  readonly dirtyAtMs: number
}

/** An instance as clients see it: what it registered, and what the registry knows. */
export interface EurekaView extends EurekaRegistration {
  /** UNKNOWN: nobody overrides what it says. */
  readonly overriddenStatus: EurekaStatus
  readonly registeredAtMs: number
  readonly renewedAtMs: number
  /** Unix ms of the last change here. */
  readonly updatedAtMs: number
  readonly actionType: 'ADDED' | 'MODIFIED' | 'DELETED'
}

/** Instances of one name, in capitals as clients look for it. */
export interface EurekaApp {
  readonly name: string
  readonly instances: readonly EurekaView[]
}

/** How many of them stand how: clients compare it with what they know. */
export function hashOf(apps: Iterable<EurekaApp>): string {
  const counts = new Map<EurekaStatus, number>()
  for (const { instances } of apps) {
    for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1)
  }
  const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([status, count]) => `${status}_${count}_`).join('')
}

/** Whether a text is a status, in capitals as everybody writes them. */
export function isStatus(text: string): text is EurekaStatus {
  return STATUSES.some((status) => status === text)
}
