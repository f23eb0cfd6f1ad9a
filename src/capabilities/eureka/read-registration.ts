import { childOf, parseXml, XmlError, type XmlElement } from '../../mechanisms/xml/read.ts'
import { EurekaError } from './errors.ts'
import {
  isStatus,
  MY_OWN,
  type DataCenter,
  type EurekaPort,
  type EurekaRegistration,
} from './model.ts'

/** The body of a registration, without regard to its notation: a tree of named texts. */
interface Field {
  readonly text: string
  readonly attribute: (name: string) => string
  readonly child: (name: string) => Field | undefined
  readonly children: () => readonly (readonly [string, string])[]
}

/** Longest texts that are kept; the names stand in the refusals. */
const LIMITS = { metadataMax: 512, fieldCharactersMax: 4096 } as const

/**
 * Reads `{"instance": {...}}` or `<instance>...</instance>`, whichever it is. Throws `EurekaError` with the words of Eureka's own server.
 * @param defaultDurationS the lease of whoever says none.
 */
export function readRegistration(body: Buffer, defaultDurationS: number): EurekaRegistration {
  const text = body.toString('utf8')
  const root = /^\s*[{[]/.test(text) ? readJson(text) : readXml(text)
  return registrationOf(root, defaultDurationS)
}

function registrationOf(root: Field, defaultDurationS: number): EurekaRegistration {
  const textOf = (...names: readonly string[]): string => {
    for (const name of names) {
      const found = root.child(name)?.text.trim() ?? ''
      if (found.length > LIMITS.fieldCharactersMax) {
        const limit = `${LIMITS.fieldCharactersMax} characters (fieldCharactersMax)`
        throw new EurekaError(400, `${name} is longer than ${limit}`)
      }
      if (found !== '') return found
    }
    return ''
  }
  const dataCenter = dataCenterOf(root.child('dataCenterInfo'))
  const hostName = textOf('hostName')
  const instanceId = textOf('instanceId') || dataCenter?.metadata['instance-id'] || hostName
  const [ipAddr, app] = [textOf('ipAddr'), textOf('app')]
  if (instanceId === '') throw new EurekaError(400, 'Missing instanceId')
  if (hostName === '') throw new EurekaError(400, 'Missing hostname')
  if (ipAddr === '') throw new EurekaError(400, 'Missing ip address')
  if (app === '') throw new EurekaError(400, 'Missing appName')
  if (dataCenter === undefined) throw new EurekaError(400, 'Missing dataCenterInfo')
  if (dataCenter.name === '') throw new EurekaError(400, 'Missing dataCenterInfo Name')
  const status = textOf('status').toUpperCase()
  const lease = root.child('leaseInfo')
  return {
    instanceId,
    app,
    hostName,
    ipAddr,
    // As Eureka's own reader: a status that it does not know is UNKNOWN, none is UP.
    status: status === '' ? 'UP' : isStatus(status) ? status : 'UNKNOWN',
    port: portOf(root.child('port'), true),
    securePort: portOf(root.child('securePort'), false),
    vipAddress: textOf('vipAddress'),
    secureVipAddress: textOf('secureVipAddress'),
    homePageUrl: textOf('homePageUrl'),
    statusPageUrl: textOf('statusPageUrl'),
    healthCheckUrl: textOf('healthCheckUrl'),
    secureHealthCheckUrl: textOf('secureHealthCheckUrl'),
    appGroupName: textOf('appGroupName'),
    asgName: textOf('asgName'),
    countryId: wholeOf(root.child('countryId'), 0, 1_000_000) ?? 1,
    dataCenter,
    metadata: entriesOf(root.child('metadata')),
    renewalIntervalS: wholeOf(lease?.child('renewalIntervalInSecs'), 1, 86_400) ?? 30,
    durationS: wholeOf(lease?.child('durationInSecs'), 1, 86_400) ?? defaultDurationS,
    dirtyAtMs: wholeOf(root.child('lastDirtyTimestamp'), 0, Number.MAX_SAFE_INTEGER) ?? 0,
  }
}

function dataCenterOf(field: Field | undefined): DataCenter | undefined {
  if (field === undefined) return undefined
  return {
    class: field.attribute('class') || MY_OWN.class,
    name: field.child('name')?.text.trim() ?? '',
    metadata: entriesOf(field.child('metadata')),
  }
}

function entriesOf(field: Field | undefined): Readonly<Record<string, string>> {
  // Of an empty map Java tells the class.
  const entries = (field?.children() ?? []).filter(([key]) => key !== '@class')
  if (entries.length > LIMITS.metadataMax) {
    throw new EurekaError(400, `metadata has more than ${LIMITS.metadataMax} entries (metadataMax)`)
  }
  return Object.fromEntries(entries)
}

function portOf(field: Field | undefined, isEnabledByDefault: boolean): EurekaPort {
  const number = wholeOf(field, 0, 65_535)
  if (field === undefined || number === undefined) return { number: 0, isEnabled: false }
  const enabled = field.attribute('enabled')
  return { number, isEnabled: enabled === '' ? isEnabledByDefault : enabled === 'true' }
}

/** Undefined where it is absent; throws where it is not a whole number from `min` to `max`. */
function wholeOf(field: Field | undefined, min: number, max: number): number | undefined {
  const text = field?.text.trim() ?? ''
  if (text === '') return undefined
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new EurekaError(400, `${text.slice(0, 40)} is not a whole number from ${min} to ${max}`)
}

function readXml(text: string): Field {
  try {
    const root = parseXml(text)
    if (root.name !== 'instance') throw new EurekaError(400, 'The body has no instance')
    return xmlField(root)
  } catch (error) {
    if (error instanceof XmlError) throw new EurekaError(400, error.message)
    throw error
  }
}

function xmlField(element: XmlElement): Field {
  return {
    text: element.text,
    attribute: (name) => element.attributes.get(name) ?? '',
    child(name) {
      const child = childOf(element, name)
      return child && xmlField(child)
    },
    children: () => element.children.map((child) => [child.name, child.text] as const),
  }
}

function readJson(text: string): Field {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new EurekaError(400, 'The body is not JSON')
  }
  const instance = mapOf(value).get('instance')
  if (instance === undefined) throw new EurekaError(400, 'The body has no instance')
  return jsonField(instance)
}

/** Jackson writes attributes with an at, and the text beside them as `$`. */
function jsonField(value: unknown): Field {
  const entries = mapOf(value)
  return {
    text: entries.size === 0 ? scalarOf(value) : scalarOf(entries.get('$')),
    attribute: (name) => scalarOf(entries.get(`@${name}`)),
    child(name) {
      const child = entries.get(name)
      return child === undefined || child === null ? undefined : jsonField(child)
    },
    children: () => [...entries].map(([key, one]) => [key, scalarOf(one)] as const),
  }
}

function mapOf(value: unknown): ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map()
}

function scalarOf(value: unknown): string {
  const isScalar =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return isScalar ? String(value) : ''
}
