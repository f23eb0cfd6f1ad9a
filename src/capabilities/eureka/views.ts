import { isIP } from 'node:net'
import { urlOf } from '../../platform/config/addresses.ts'
import type { Instance, Twin } from '../discovery/model.ts'
import {
  isStatus,
  MY_OWN,
  type EurekaRegistration,
  type EurekaStatus,
  type EurekaView,
} from './model.ts'

/** Marks an override that came with another status than OUT_OF_SERVICE. */
const REASON = 'Eureka: '

/** An instance of any source, as Eureka clients see it. */
export function viewOf(
  instance: Instance,
  registration: EurekaRegistration | undefined,
  twin: Twin | undefined,
  actionType: EurekaView['actionType'] = 'ADDED',
): EurekaView {
  const shown = registration ?? describe(instance)
  const overriddenStatus = overriddenStatusOf(instance)
  return {
    ...shown,
    app: instance.service.toUpperCase(),
    status:
      registration === undefined
        ? healthStatus(instance)
        : effectiveStatus(instance, registration.status, overriddenStatus),
    overriddenStatus,
    registeredAtMs: twin?.registeredAtMs ?? instance.registeredAtMs,
    renewedAtMs: twin?.renewedAtMs ?? instance.lease?.renewedAtMs ?? instance.registeredAtMs,
    updatedAtMs: twin?.updatedAtMs ?? Math.max(instance.registeredAtMs, instance.dirtyAtMs),
    dirtyAtMs: shown.dirtyAtMs,
    actionType,
  }
}

/** How an override is told to the registry; undefined ends it. */
export function overrideReason(status: EurekaStatus): string {
  return `${REASON}${status}`
}

/** UNKNOWN: there is none. */
export function overriddenStatusOf({ override, overrideReason: reason }: Instance): EurekaStatus {
  switch (override) {
    case undefined:
      return 'UNKNOWN'
    case 'up':
      return 'UP'
    case 'maintenance':
      return 'OUT_OF_SERVICE'
    case 'out-of-service': {
      const status = reason.startsWith(REASON) ? reason.slice(REASON.length) : ''
      return isStatus(status) ? status : 'OUT_OF_SERVICE'
    }
    default:
      return override satisfies never
  }
}

/** What it says of itself counts where it is down or starting; else who overrides it; else what it says (as in Eureka's own rules). */
function effectiveStatus(
  instance: Instance,
  said: EurekaStatus,
  overridden: EurekaStatus,
): EurekaStatus {
  if (said === 'DOWN' || said === 'STARTING') return said
  if (instance.override !== undefined) return overridden
  if (said !== 'UP') return said
  return healthStatus(instance)
}

function healthStatus(instance: Instance): EurekaStatus {
  if (instance.override !== undefined && !instance.isDraining) return overriddenStatusOf(instance)
  switch (instance.health) {
    case 'passing':
    case 'warning':
      return 'UP'
    case 'critical':
      return 'DOWN'
    case 'unknown':
      return 'STARTING'
    case 'draining':
      return 'OUT_OF_SERVICE'
    default:
      return instance.health satisfies never
  }
}

/** One that never spoke Eureka: what clients need to call it. */
function describe(instance: Instance): EurekaRegistration {
  const { service, id, host, port } = instance
  const url = urlOf({ host, port })
  return {
    instanceId: id,
    app: service,
    hostName: host,
    ipAddr: isIP(host) === 0 ? (host === 'localhost' ? '127.0.0.1' : host) : host,
    status: 'UP',
    port: { number: port, isEnabled: port !== 0 },
    securePort: { number: 443, isEnabled: false },
    vipAddress: service,
    secureVipAddress: service,
    homePageUrl: `${url}/`,
    statusPageUrl: '',
    healthCheckUrl: '',
    secureHealthCheckUrl: '',
    appGroupName: '',
    asgName: '',
    countryId: 1,
    dataCenter: MY_OWN,
    metadata: instance.meta,
    renewalIntervalS: 30,
    durationS: Math.round((instance.lease?.ttlMs ?? 90_000) / 1000),
    dirtyAtMs: instance.dirtyAtMs,
  }
}
