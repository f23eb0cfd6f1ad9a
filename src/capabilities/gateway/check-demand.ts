import { createNameTable } from '../../mechanisms/server-names/server-names.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import type { GatewaySettings } from './schema.ts'

type RouteSettings = GatewaySettings['routes'][number]

/** What `tls` says of certificates of clients. */
export interface DemandedTls {
  readonly clients?:
    | {
        readonly authorities: Readonly<Record<string, string>>
        readonly hosts: readonly string[]
        readonly required: boolean
      }
    | undefined
}

const code = 'ERR_CONFIG_CONFLICT'

/** A route may demand only what its clients are asked for. `path` is the route's. */
export function checkDemand(
  { clientCertificate: said, host, tcp }: RouteSettings,
  tls: DemandedTls | undefined,
  path: SettingPath,
): readonly SettingProblem[] {
  if (said === undefined || tcp !== undefined) return []
  const at = [...path, 'clientCertificate']
  const clients = tls?.clients
  if (clients === undefined) {
    const message =
      'needs somebody who signs certificates of clients; add tls: { clients: { authorities: { NAME: FILE } } }'
    return [{ path: at, code, message, at: 'key' }]
  }
  if (said === 'optional') return []
  return [
    ...(said === 'required' ? [] : checkNames(said, Object.keys(clients.authorities), at)),
    ...checkHosts([host ?? []].flat(), clients.hosts, at),
  ]
}

/** Where only some hosts ask, each route says for itself what it demands. */
export function checkAsked(tls: DemandedTls | undefined): readonly SettingProblem[] {
  const clients = tls?.clients
  if (clients === undefined || !clients.required || clients.hosts.length === 0) return []
  const message =
    'demands one of every route, and hosts says that some hosts do not ask; remove one, and write clientCertificate: required at routes'
  return [{ path: ['tls', 'clients', 'required'], code, message, at: 'key' }]
}

function checkNames(
  said: readonly string[],
  known: readonly string[],
  path: SettingPath,
): readonly SettingProblem[] {
  return said.flatMap((name, index) => {
    if (known.includes(name)) return []
    const message = `${name} is not among tls.clients.authorities, which are ${known.join(', ')}`
    return [{ path: [...path, index], code, message }]
  })
}

function checkHosts(
  hosts: readonly string[],
  asked: readonly string[],
  path: SettingPath,
): readonly SettingProblem[] {
  if (asked.length === 0) return []
  const table = createNameTable([{ names: asked, value: true }])
  const names = asked.join(', ')
  if (hosts.length === 0) {
    const message = `demands it of every host, and only clients of ${names} are asked (tls.clients.hosts); give the route one of these as its host`
    return [{ path, code, message, at: 'key' }]
  }
  return hosts
    .filter((host) => table.find(host).length === 0 && !asked.includes(host))
    .map((host) => {
      const message = `demands it of clients of ${host}, who are not asked; add ${host} to tls.clients.hosts`
      return { path, code, message, at: 'key' }
    })
}
