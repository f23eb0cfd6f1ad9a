import { z } from 'zod'
import { parseHostPort } from '../../platform/config/addresses.ts'
import { filled } from '../../platform/config/names.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { duration, secret } from '../../platform/config/units.ts'

/** Sources of one service together. */
const SOURCES_MAX = 8

const source = z.strictObject({
  consul: filled()
    .optional()
    .describe('Follow a service of this Consul, http://host:8500, by blocking queries.'),
  service: filled().optional().describe('Its name there; default: the name here.'),
  tag: filled().optional().describe('Only instances with this tag; of a Consul.'),
  datacenter: filled().optional().describe('Datacenter of the Consul; default: its own.'),
  dns: filled()
    .optional()
    .describe(
      'Look up this name: SRV records, or with `port` its addresses; again when their TTL ends.',
    ),
  port: z.int().min(1).max(65535).optional().describe('Port of addresses that a name has.'),
  resolver: filled()
    .optional()
    .describe('host:port of the DNS server to ask; default: those of the machine.'),
  file: filled()
    .optional()
    .describe('Target groups in a JSON or YAML file, as for file_sd of Prometheus.'),
  http: filled().optional().describe('Target groups at a URL, as for http_sd of Prometheus.'),
  token: secret().optional().describe('Token for the Consul or the URL.'),
  interval: duration({ min: '100ms', max: '1h' })
    .prefault('30s')
    .describe('Between two looks at a name, a file or a URL; a Consul tells changes by itself.'),
  emptyAfter: duration({ min: '0s', max: '24h' })
    .prefault('1m')
    .describe('An answer that suddenly names nobody counts only when it stays so for this long.'),
})

/** Where else instances of a service come from. */
export const discoverSettings = z
  .union([source, z.array(source).min(1).max(SOURCES_MAX)])
  .optional()
  .describe(
    'Follow instances that others know: one source, or several, of which a later one is used while the ones before it have nobody who is well.',
  )

/** One source of a service, as it is read. */
export type SourceSettings = z.output<typeof source>

/** A list, whichever form was written. */
export function sourcesOf(discover: z.output<typeof discoverSettings>): readonly SourceSettings[] {
  if (discover === undefined) return []
  return Array.isArray(discover) ? discover : [discover]
}

const kinds = ['consul', 'dns', 'file', 'http'] as const

/** Each source is of one kind, and what only another kind uses is a mistake. */
export function checkSources(
  discover: z.output<typeof discoverSettings>,
  path: SettingPath,
): readonly SettingProblem[] {
  return sourcesOf(discover).flatMap((one, index) =>
    checkSource(one, Array.isArray(discover) ? [...path, index] : path),
  )
}

function checkSource(one: SourceSettings, path: SettingPath): readonly SettingProblem[] {
  const given = kinds.filter((kind) => one[kind] !== undefined)
  const [kind, second] = given
  if (kind === undefined) {
    const message = `needs one of ${kinds.join(', ')}`
    return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message }]
  }
  if (second !== undefined) {
    const message = `excludes ${kind}: a source is of one kind; write a list of sources`
    return [{ path: [...path, second], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  return [...checkPlace(one, kind, path), ...checkExtras(one, kind, path)]
}

function checkPlace(
  one: SourceSettings,
  kind: (typeof kinds)[number],
  path: SettingPath,
): readonly SettingProblem[] {
  const value = one[kind] ?? ''
  const problem = (message: string, at: string): SettingProblem => ({
    path: [...path, at],
    code: 'ERR_CONFIG_VALUE_INVALID',
    message,
  })
  const isUrl = /^https?:$/.test(URL.parse(value)?.protocol ?? '')
  if ((kind === 'consul' || kind === 'http') && !isUrl) {
    return [problem(`must be a URL such as http://10.0.0.5:8500; is ${value}`, kind)]
  }
  if (one.resolver !== undefined && parseHostPort(one.resolver) === undefined) {
    return [problem(`must be host:port; is ${one.resolver}`, 'resolver')]
  }
  return []
}

/** What only some kinds use. */
const extras: ReadonlyMap<string, readonly (typeof kinds)[number][]> = new Map([
  ['service', ['consul']],
  ['tag', ['consul']],
  ['datacenter', ['consul']],
  ['port', ['dns']],
  ['resolver', ['dns']],
  ['token', ['consul', 'http']],
])

function checkExtras(
  one: SourceSettings,
  kind: (typeof kinds)[number],
  path: SettingPath,
): readonly SettingProblem[] {
  return Object.entries(one).flatMap(([name, value]) => {
    const of = extras.get(name)
    if (of === undefined || value === undefined || of.includes(kind)) return []
    const message = `is of ${of.join(' and ')} only, not of ${kind}; remove it`
    return [{ path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' as const }]
  })
}
