import { isIPv4 } from 'node:net'
import { CidrError, createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { formatHostPort, isLoopbackHost } from '../config/addresses.ts'
import type { HostPort } from '../config/addresses.ts'
import { valueAt } from '../config/issues.ts'
import type { SourceOf } from '../config/load.ts'
import type { SettingPath, SettingProblem } from '../config/problems.ts'
import { allowedBlocks, wantedListener } from './table.ts'
import type { ListenerRow, ListenerTable, ListenSettings, PortClaim } from './table.ts'

/** A token that guards a listener to the network has at least this many characters. */
export const TOKEN_LENGTH_MIN = 16

/** What the check looks at: `listen`, and wherever rows say that their token is. */
interface Listening {
  readonly listen: ListenSettings
}

/** Problems of `listen` and of further ports that are claimed: what collides, and what stands open. */
export function checkListeners(
  table: ListenerTable,
  settings: Listening,
  claims: readonly PortClaim[],
  sourceOf: SourceOf,
): readonly SettingProblem[] {
  return [
    ...checkCollisions([...listListeners(table, settings), ...claims], sourceOf),
    ...Object.entries(table).flatMap(([name, row]) => checkProtection(name, row, settings)),
  ]
}

function checkCollisions(
  claims: readonly PortClaim[],
  sourceOf: SourceOf,
): readonly SettingProblem[] {
  const listeners = claims.filter(({ address }) => address.port !== 0)
  return listeners.flatMap((listener, index): readonly SettingProblem[] => {
    const earlier = listeners
      .slice(0, index)
      .find((other) => collide(other.address, listener.address))
    if (earlier === undefined) return []
    const source = sourceOf(earlier.path)
    const whose = source === 'default' ? 'by default' : `in ${source}`
    const message = `would listen on ${formatHostPort(listener.address)}, which ${earlier.name} has ${whose}; choose another port or switch one off`
    return [{ path: listener.path, code: 'ERR_CONFIG_LISTENER_CONFLICT', message }]
  })
}

/** Automatic ones first, then those that the file names, so that the problem stands at what somebody wrote. */
function listListeners(table: ListenerTable, settings: Listening): readonly PortClaim[] {
  const { listen } = settings
  return Object.entries(table)
    .filter(
      ([, { section }]) => section === undefined || valueAt(settings, [section]) !== undefined,
    )
    .map(([name, row]) => ({ name, wanted: wantedListener(name, row, listen) }))
    .toSorted((a, b) => Number(a.wanted.mode === 'named') - Number(b.wanted.mode === 'named'))
    .flatMap(({ name, wanted }) =>
      wanted.mode === 'off'
        ? []
        : [{ path: ['listen', name], name: `the ${name}`, address: wanted.address }],
    )
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port) return false
  const [hostA, hostB] = [a.host.toLowerCase(), b.host.toLowerCase()]
  if (hostA === hostB || isEveryAddress(hostA, hostB) || isEveryAddress(hostB, hostA)) return true
  // localhost is 127.0.0.1 and ::1.
  const isLocal = (name: string, address: string): boolean =>
    name === 'localhost' && (address === '127.0.0.1' || address === '::1')
  return isLocal(hostA, hostB) || isLocal(hostB, hostA)
}

/** `0.0.0.0` takes the port on every IPv4 address, `::` on every address. */
function isEveryAddress(host: string, other: string): boolean {
  return host === '::' || (host === '0.0.0.0' && (isIPv4(other) || other === 'localhost'))
}

/** Beyond this machine a listener has a lock, unless it is there for everybody. */
function checkProtection(
  name: string,
  row: ListenerRow,
  settings: Listening,
): readonly SettingProblem[] {
  const wanted = wantedListener(name, row, settings.listen)
  const blocks = allowedBlocks(name, settings.listen)
  const from = blocks.flatMap((block, index): readonly SettingProblem[] => {
    const why = explainBlock(block)
    const path = ['listen', 'from', name, index]
    return why === undefined ? [] : [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message: why }]
  })
  if (row.access === 'public' || wanted.mode !== 'named') return from
  if (isLoopbackHost(wanted.address.host)) return from
  if (row.access !== 'addresses') {
    return checkToken(name, row.power, wanted.address, row.access.token, settings)
  }
  if (blocks.length > 0) return from
  const message = `${reachOf(wanted.address)}, and its protocol knows no credentials; list who may reach it with listen.from: { ${name}: [10.0.0.0/8] }, or listen on 127.0.0.1`
  return [{ path: ['listen', name], code: 'ERR_CONFIG_LISTENER_UNPROTECTED', message }]
}

function explainBlock(block: string): string | undefined {
  try {
    createCidrSet([block])
    return undefined
  } catch (error) {
    if (!(error instanceof CidrError)) throw error
    return error.message
  }
}

function reachOf(address: HostPort): string {
  return `would be reachable from the network at ${formatHostPort(address)}`
}

function checkToken(
  name: string,
  power: string | undefined,
  address: HostPort,
  setting: SettingPath,
  settings: Listening,
): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_LISTENER_UNPROTECTED'
  const path = ['listen', name]
  const token: unknown = valueAt(settings, setting)
  const where = setting.join('.')
  if (token === undefined || token === '') {
    const what = power === undefined ? '' : `, and ${power}`
    const message = `${reachOf(address)} without a credential${what}; set ${where}: { env: NAME }, or listen on 127.0.0.1`
    return [{ path, code, message }]
  }
  if (typeof token !== 'string' || token.length >= TOKEN_LENGTH_MIN) return []
  const message = `${reachOf(address)} behind a token that can be guessed; ${where} must have at least ${TOKEN_LENGTH_MIN} characters`
  return [{ path, code, message }]
}
