import type { ActiveCheckTimes, CheckSpec, CheckStatus, CheckTls } from '../discovery/check-spec.ts'
import { ConsulError } from './errors.ts'
import type { JsonFields } from './json-fields.ts'

/** What a client may ask of checks. */
export interface CheckRules {
  /** `consul.scripts`: checks may run programs on this machine. */
  readonly allowScripts: boolean
  /** A node of clients as the registry knows it; '' is this machine's. */
  nodeOf(name: string): string
}

const SECOND_NS = 1e9
const INTERVAL_MS = { min: 100, max: 24 * 3_600_000 }
const TIMEOUT_MS = { min: 10, max: 3_600_000 }
const TTL_MS = { min: 100, max: 30 * 24 * 3_600_000 }
const DEREGISTER_MS = { min: 1_000, max: 30 * 24 * 3_600_000 }
const ROW_MAX = 1_000

/** What is asked from here, again and again, beside scripts. */
const ASKED = ['HTTP', 'TCP', 'UDP', 'GRPC', 'H2PING', 'OSService', 'os_service'] as const
/** Of a unit of systemd, and of a container: neither is taken for an option, or a path. */
const UNIT_NAME = /^[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,255}$/
const CONTAINER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** `CheckType` of the Consul API, names in any case and in snake case too. Throws `ConsulError` 400, 501. */
export function parseCheck(fields: JsonFields, rules: CheckRules, defaultId: string): CheckSpec {
  refuseContradictions(fields)
  const id = textOf(fields, 'CheckID', 'check_id') || fields.text('ID') || defaultId
  const afterMs = msOf(
    fields,
    DEREGISTER_MS,
    'DeregisterCriticalServiceAfter',
    'deregister_critical_service_after',
  )
  const named = {
    id,
    isUniqueOnNode: true,
    ...(fields.text('Name') === '' ? {} : { name: fields.text('Name') }),
    ...(fields.text('Notes') === '' ? {} : { notes: fields.text('Notes') }),
    initially: statusOf(fields.text('Status')),
    ...(afterMs === undefined ? {} : { deregisterAfterMs: afterMs }),
  }
  return { ...named, ...parseKind(fields, rules) }
}

/** `Status for checks must 'passing', 'warning', 'critical'`; '' is critical. */
export function statusOf(status: string): CheckStatus {
  if (status === '') return 'critical'
  if (status === 'passing' || status === 'warning' || status === 'critical') return status
  throw new ConsulError(400, `Status for checks must 'passing', 'warning', 'critical'`)
}

type Kind = CheckSpec extends infer Spec
  ? Spec extends CheckSpec
    ? Omit<Spec, keyof Names>
    : never
  : never
type Names = Pick<
  CheckSpec,
  'id' | 'isUniqueOnNode' | 'name' | 'notes' | 'initially' | 'deregisterAfterMs'
>

function parseKind(fields: JsonFields, rules: CheckRules): Kind {
  const ttlMs = msOf(fields, TTL_MS, 'TTL', 'ttl')
  if (ttlMs !== undefined && ttlMs > 0) return { kind: 'ttl', ttlMs }
  if (isAlias(fields)) {
    const aliasOf = textOf(fields, 'AliasService', 'alias_service')
    const node = rules.nodeOf(textOf(fields, 'AliasNode', 'alias_node'))
    return { kind: 'alias', node, ...(aliasOf === '' ? {} : { aliasOf }) }
  }
  const times = timesOf(fields)
  if (fields.text('HTTP') !== '') return httpOf(fields, times)
  if (fields.text('TCP') !== '') {
    const tls = flagOf(fields, 'TCPUseTLS', 'tcp_use_tls') ? { tls: tlsOf(fields) } : {}
    return { kind: 'tcp', address: addressOf('TCP', fields.text('TCP')), ...tls, ...times }
  }
  if (fields.text('GRPC') !== '') return grpcOf(fields, times)
  if (fields.text('UDP') !== '') {
    return { kind: 'udp', address: addressOf('UDP', fields.text('UDP')), ...times }
  }
  if (fields.text('H2PING') !== '') return h2pingOf(fields, times)
  refuseScripts(rules)
  const unit = textOf(fields, 'OSService', 'os_service')
  if (unit !== '')
    return { kind: 'os-service', unit: nameIn('OSService', unit, UNIT_NAME), ...times }
  const container = textOf(fields, 'DockerContainerID', 'docker_container_id')
  if (container !== '') {
    const given = nameIn('DockerContainerID', container, CONTAINER_NAME)
    return { kind: 'docker', container: given, argv: argsOf(fields), ...times }
  }
  return { kind: 'exec', argv: argsOf(fields), ...times }
}

/** What looks into this machine, or runs something on it. */
function refuseScripts({ allowScripts }: CheckRules): void {
  if (allowScripts) return
  throw new ConsulError(
    400,
    'Scripts are disabled on this agent from remote calls; to enable, set consul.scripts to true in backplane.yaml',
  )
}

function nameIn(what: string, name: string, pattern: RegExp): string {
  if (pattern.test(name)) return name
  throw new ConsulError(400, `Invalid check: ${what}: ${JSON.stringify(name)} is not a name`)
}

/** With TLS unless it says otherwise, as Consul does it. */
function h2pingOf(fields: JsonFields, times: ActiveCheckTimes): Kind {
  const said = ['H2PingUseTLS', 'h2ping_use_tls'].filter((name) => fields.has(name))
  const isPlain = said.length > 0 && said.every((name) => !fields.flag(name))
  const address = addressOf('H2PING', fields.text('H2PING'))
  return { kind: 'h2ping', address, ...(isPlain ? {} : { tls: tlsOf(fields) }), ...times }
}

function refuseContradictions(fields: JsonFields): void {
  const isAsked = argsOf(fields).length > 0 || ASKED.some((name) => fields.text(name) !== '')
  const hasInterval = (fields.durationNs('Interval') ?? 0) > 0
  const hasTtl = (fields.durationNs('TTL') ?? 0) > 0
  const invalid = (why: string) => new ConsulError(400, `Invalid check: ${why}`)
  const isDocker = textOf(fields, 'DockerContainerID', 'docker_container_id') !== ''
  if (isDocker && argsOf(fields).length === 0) {
    throw invalid('Args must be given for Docker checks')
  }
  if (hasInterval && hasTtl) throw invalid('Interval and TTL cannot both be specified')
  if (isAsked && !hasInterval) {
    throw invalid('Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks')
  }
  if (isAlias(fields) && isAsked) throw invalid('Interval cannot be set for Alias checks')
  if (isAlias(fields) && hasTtl) throw invalid('TTL must be not be set for Alias checks')
  if (!isAsked && !isAlias(fields) && !hasTtl) throw invalid('TTL must be > 0 for TTL checks')
  const warning = integerOf(fields, 'FailuresBeforeWarning', 'failures_before_warning')
  const critical = integerOf(fields, 'FailuresBeforeCritical', 'failures_before_critical')
  if (warning > critical && warning > 0 && critical > 0) {
    throw invalid("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
  }
}

function isAlias(fields: JsonFields): boolean {
  return (
    textOf(fields, 'AliasService', 'alias_service') !== '' ||
    textOf(fields, 'AliasNode', 'alias_node') !== ''
  )
}

function argsOf(fields: JsonFields): readonly string[] {
  for (const name of ['Args', 'ScriptArgs', 'script_args']) {
    const args = fields.texts(name)
    if (args.length > 0) return args
  }
  return []
}

function httpOf(fields: JsonFields, times: ActiveCheckTimes): Kind {
  const url = fields.text('HTTP')
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new ConsulError(
      400,
      `Invalid check: HTTP: ${JSON.stringify(url)} is not a URL of http or https`,
    )
  }
  const method = fields.text('Method')
  if (!/^[A-Za-z]{0,16}$/.test(method)) {
    throw new ConsulError(400, `Invalid check: Method: ${JSON.stringify(method)}`)
  }
  const headers = headersOf(fields)
  const body = fields.text('Body')
  return {
    kind: 'http',
    url,
    ...(method === '' ? {} : { method: method.toUpperCase() }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(body === '' ? {} : { body }),
    ...(parsed.protocol === 'https:' ? { tls: tlsOf(fields) } : {}),
    ...(flagOf(fields, 'DisableRedirects', 'disable_redirects') ? { disableRedirects: true } : {}),
    ...times,
  }
}

function headersOf(fields: JsonFields): Readonly<Record<string, readonly string[]>> {
  const given = fields.raw('Header') ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new ConsulError(400, `Request decode failed: 'Header' must be an object`)
  }
  return Object.fromEntries(
    Object.entries(given ?? {}).map(([name, values]): [string, readonly string[]] => {
      const list: unknown[] = Array.isArray(values) ? values : [values]
      const isField = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)
      const texts = list.filter((one): one is string => typeof one === 'string')
      // RFC 9110 section 5.5: no line break can be in a value.
      if (!isField || texts.length !== list.length || texts.some((one) => /[\r\n\0]/.test(one))) {
        throw new ConsulError(400, `Invalid check: Header: ${JSON.stringify(name)}`)
      }
      return [name, texts]
    }),
  )
}

/** `host:port/service`, as Consul writes it. */
function grpcOf(fields: JsonFields, times: ActiveCheckTimes): Kind {
  const [place = '', ...rest] = fields.text('GRPC').split('/')
  const grpcService = rest.join('/')
  return {
    kind: 'grpc',
    address: addressOf('GRPC', place),
    ...(grpcService === '' ? {} : { grpcService }),
    ...(flagOf(fields, 'GRPCUseTLS', 'grpc_use_tls') ? { tls: tlsOf(fields) } : {}),
    ...times,
  }
}

function addressOf(what: string, text: string): string {
  const at = text.lastIndexOf(':')
  const port = Number(text.slice(at + 1))
  const isAddress = at > 0 && /^\d+$/.test(text.slice(at + 1)) && port > 0 && port <= 65_535
  if (isAddress && !/[\s/\\@]/.test(text)) return text
  throw new ConsulError(400, `Invalid check: ${what}: ${JSON.stringify(text)} is not host:port`)
}

function tlsOf(fields: JsonFields): CheckTls {
  const serverName = textOf(fields, 'TLSServerName', 'tls_server_name')
  return {
    ...(serverName === '' ? {} : { serverName }),
    ...(flagOf(fields, 'TLSSkipVerify', 'tls_skip_verify') ? { skipVerify: true } : {}),
  }
}

/** Consul counts results "before" a status: 0 and 1 both mean the first one. */
function timesOf(fields: JsonFields): ActiveCheckTimes {
  const isScript = argsOf(fields).length > 0
  const rowOf = (name: string, snake: string) =>
    Math.min(Math.max(integerOf(fields, name, snake), 0), ROW_MAX)
  const warnAfter = rowOf('FailuresBeforeWarning', 'failures_before_warning')
  const unhealthy = Math.max(rowOf('FailuresBeforeCritical', 'failures_before_critical'), 1)
  return {
    intervalMs: msOf(fields, INTERVAL_MS, 'Interval', 'interval') ?? 10_000,
    timeoutMs: msOf(fields, TIMEOUT_MS, 'Timeout', 'timeout') ?? (isScript ? 30_000 : 10_000),
    healthy: Math.max(rowOf('SuccessBeforePassing', 'success_before_passing'), 1),
    unhealthy,
    ...(warnAfter > 0 && warnAfter < unhealthy ? { warnAfter } : {}),
    startupMs: 0,
  }
}

function msOf(
  fields: JsonFields,
  { min, max }: { readonly min: number; readonly max: number },
  name: string,
  snake: string,
): number | undefined {
  const ns = fields.durationNs(name) ?? fields.durationNs(snake)
  if (ns === undefined || ns <= 0) return undefined
  return Math.min(Math.max((ns / SECOND_NS) * 1_000, min), max)
}

function textOf(fields: JsonFields, name: string, snake: string): string {
  return fields.text(name) || fields.text(snake)
}

function flagOf(fields: JsonFields, name: string, snake: string): boolean {
  return fields.flag(name) || fields.flag(snake)
}

function integerOf(fields: JsonFields, name: string, snake: string): number {
  return fields.integer(name) || fields.integer(snake)
}
