import { escapeXml, isXmlName, textXml, wrapXml } from '../../mechanisms/xml/write.ts'
import type { EurekaApp, EurekaPort, EurekaView } from './model.ts'

/** The two notations. XML is what clients get who ask for nothing. */
export type Form = 'json' | 'xml'

/** What a client asks for. */
export function formOf(accept: string): Form {
  return accept.includes('json') ? 'json' : 'xml'
}

/** How each notation is told. */
export const CONTENT_TYPES = { json: 'application/json', xml: 'application/xml' } as const

/** All applications, or a part of them, with the hash over all. Some clients look at a delta only where its version is another one. */
export function writeApps(
  form: Form,
  apps: readonly EurekaApp[],
  hash: string,
  version = 1,
): string {
  if (form === 'json') {
    const application = apps.map(appJson)
    const applications = { versions__delta: String(version), apps__hashcode: hash, application }
    return JSON.stringify({ applications })
  }
  const head = textXml('versions__delta', String(version)) + textXml('apps__hashcode', hash)
  return wrapXml('applications', head + apps.map(appXml).join(''))
}

/** One application. */
export function writeApp(form: Form, app: EurekaApp): string {
  return form === 'json' ? JSON.stringify({ application: appJson(app) }) : appXml(app)
}

/** One instance. */
export function writeInstance(form: Form, view: EurekaView): string {
  return form === 'json' ? JSON.stringify({ instance: instanceJson(view) }) : instanceXml(view)
}

function appJson({ name, instances }: EurekaApp): object {
  return { name, instance: instances.map(instanceJson) }
}

function appXml({ name, instances }: EurekaApp): string {
  return wrapXml('application', textXml('name', name) + instances.map(instanceXml).join(''))
}

/** Texts of an instance in the order in which Eureka's own server writes them; empty ones are left out. */
function textsOf(view: EurekaView): readonly (readonly [string, string])[] {
  const all = [
    ['homePageUrl', view.homePageUrl],
    ['statusPageUrl', view.statusPageUrl],
    ['healthCheckUrl', view.healthCheckUrl],
    ['secureHealthCheckUrl', view.secureHealthCheckUrl],
    ['vipAddress', view.vipAddress],
    ['secureVipAddress', view.secureVipAddress],
    ['appGroupName', view.appGroupName],
    ['asgName', view.asgName],
  ] as const
  return all.filter(([, text]) => text !== '')
}

function leaseOf(view: EurekaView): Readonly<Record<string, number>> {
  return {
    renewalIntervalInSecs: view.renewalIntervalS,
    durationInSecs: view.durationS,
    registrationTimestamp: view.registeredAtMs,
    lastRenewalTimestamp: view.renewedAtMs,
    evictionTimestamp: 0,
    serviceUpTimestamp: view.registeredAtMs,
  }
}

function instanceJson(view: EurekaView): object {
  const { dataCenter } = view
  const hasFacts = Object.keys(dataCenter.metadata).length > 0
  return {
    instanceId: view.instanceId,
    hostName: view.hostName,
    app: view.app,
    ipAddr: view.ipAddr,
    status: view.status,
    overriddenStatus: view.overriddenStatus,
    port: portJson(view.port),
    securePort: portJson(view.securePort),
    countryId: view.countryId,
    dataCenterInfo: {
      '@class': dataCenter.class,
      name: dataCenter.name,
      ...(hasFacts ? { metadata: dataCenter.metadata } : {}),
    },
    leaseInfo: leaseOf(view),
    metadata: view.metadata,
    ...Object.fromEntries(textsOf(view)),
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(view.updatedAtMs),
    lastDirtyTimestamp: String(view.dirtyAtMs),
    actionType: view.actionType,
  }
}

function portJson({ number, isEnabled }: EurekaPort): object {
  return { $: number, '@enabled': String(isEnabled) }
}

function instanceXml(view: EurekaView): string {
  const { dataCenter } = view
  const facts = entriesXml(dataCenter.metadata)
  const where = textXml('name', dataCenter.name) + (facts && wrapXml('metadata', facts))
  const lease = Object.entries(leaseOf(view)).map(([name, value]) => textXml(name, String(value)))
  const parts = [
    textXml('instanceId', view.instanceId),
    textXml('hostName', view.hostName),
    textXml('app', view.app),
    textXml('ipAddr', view.ipAddr),
    textXml('status', view.status),
    textXml('overriddenstatus', view.overriddenStatus),
    portXml('port', view.port),
    portXml('securePort', view.securePort),
    textXml('countryId', String(view.countryId)),
    wrapXml('dataCenterInfo', where, ` class="${escapeXml(dataCenter.class)}"`),
    wrapXml('leaseInfo', lease.join('')),
    wrapXml('metadata', entriesXml(view.metadata)),
    ...textsOf(view).map(([name, text]) => textXml(name, text)),
    textXml('isCoordinatingDiscoveryServer', 'false'),
    textXml('lastUpdatedTimestamp', String(view.updatedAtMs)),
    textXml('lastDirtyTimestamp', String(view.dirtyAtMs)),
    textXml('actionType', view.actionType),
  ]
  return wrapXml('instance', parts.join(''))
}

function portXml(name: string, { number, isEnabled }: EurekaPort): string {
  return wrapXml(name, String(number), ` enabled="${String(isEnabled)}"`)
}

/** A key that cannot be the name of an element has no form in XML; it is there in JSON. */
function entriesXml(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .filter(([key]) => isXmlName(key))
    .map(([key, value]) => textXml(key, value))
    .join('')
}
