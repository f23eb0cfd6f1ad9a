import type { Log } from '../../platform/capability.ts'
import { hasCredentials } from '../../platform/http/guard.ts'
import type { LeanAnswer, LeanExchange, LeanOptions } from '../../platform/http/lean/options.ts'
import type { RequestCounts } from './counters.ts'
import { EurekaError } from './errors.ts'
import * as operations from './operations.ts'
import type { Call, Operation, OperationsGround } from './operations.ts'

/** A registration is at most so long: what it registers is kept, and bounded by the registry as well. */
export const BODY_BYTES_MAX = 128 * 1024

const KEPT_FIELDS = ['accept', 'accept-encoding', 'authorization'] as const

/** What the listener stands on. */
export interface ServeGround extends OperationsGround {
  readonly token: string | undefined
  readonly hosts: readonly string[]
  readonly counts: RequestCounts
  readonly log: Log
}

/** Eureka's REST operations on a lean listener. */
export function eurekaListener(ground: ServeGround): LeanOptions {
  return {
    handle: (exchange) => void serve(ground, exchange),
    keptFields: KEPT_FIELDS,
    bodyBytesMax: (method) => (method === 'POST' ? BODY_BYTES_MAX : 4096),
    failure: ({ statusCode, message }) => textAnswer(statusCode, message),
    hosts: ground.hosts,
    section: 'eureka',
    demandsCredentials: ground.token !== undefined,
  }
}

interface Found {
  readonly name: string
  readonly run: Operation
  readonly app: string
  readonly id: string
}

async function serve(ground: ServeGround, exchange: LeanExchange): Promise<void> {
  const { request } = exchange
  let name = 'other'
  const answer = await answerTo().catch((error: unknown) => failureOf(error, ground.log))
  ground.counts.add(name, answer.status)
  exchange.answer(answer)

  async function answerTo(): Promise<LeanAnswer> {
    const { token } = ground
    if (token !== undefined && !hasCredentials(request.field('authorization'), token)) {
      const fields = [['www-authenticate', 'Basic realm="Backplane"']] as const
      return { ...textAnswer(401, 'This listener demands eureka.token.'), fields }
    }
    const found = find(request.method, request.path)
    name = found.name
    const { app, id } = found
    const call: Call = { request, app, id, query: new URLSearchParams(request.query) }
    return found.run(ground, call)
  }
}

/** Both prefixes: Netflix's `/eureka/v2`, and Spring's `/eureka`. */
function find(method: string, path: string): Found {
  const parts = path.split('/').slice(1).map(decode)
  if (parts.at(-1) === '') parts.pop()
  if (parts[0] !== 'eureka')
    throw new EurekaError(404, `There is no ${path}; Eureka is below /eureka/.`)
  const [resource = '', app = '', id = '', detail = ''] = parts.slice(parts[1] === 'v2' ? 2 : 1)
  const count = parts.length - (parts[1] === 'v2' ? 2 : 1)
  const key = `${method} ${shapeOf(resource, count, app, detail)}`
  const found = ROUTES.get(key)
  if (found !== undefined) {
    const [name, run] = found
    return resource === 'apps' ? { name, run, app, id } : { name, run, app: '', id: app }
  }
  const shape = key.slice(method.length)
  const isThere = [...ROUTES.keys()].some((one) => one.endsWith(shape))
  throw new EurekaError(isThere ? 405 : 404, isThere ? `There is no ${method} of this.` : '')
}

/** `apps`, `apps/APP`, `apps/APP/ID/status`: a path without its names. */
function shapeOf(resource: string, count: number, app: string, detail: string): string {
  if (resource === 'apps') {
    if (count === 2 && app === 'delta') return 'apps/delta'
    return ['apps', 'APP', 'ID', detail].slice(0, count).join('/')
  }
  if (resource === 'asg' || resource === 'peerreplication') return resource
  return [resource, 'ID'].slice(0, count).join('/')
}

const ROUTES: ReadonlyMap<string, readonly [name: string, run: Operation]> = new Map([
  ['GET apps', ['apps', operations.readApps]],
  ['GET apps/delta', ['delta', operations.readDelta]],
  ['GET apps/APP', ['app', operations.readApp]],
  ['POST apps/APP', ['register', operations.register]],
  ['GET apps/APP/ID', ['instance', operations.readInstance]],
  ['PUT apps/APP/ID', ['renew', operations.renew]],
  ['DELETE apps/APP/ID', ['cancel', operations.cancel]],
  ['PUT apps/APP/ID/status', ['override', operations.overrideStatus]],
  ['DELETE apps/APP/ID/status', ['override', operations.clearStatus]],
  ['PUT apps/APP/ID/metadata', ['metadata', operations.addMetadata]],
  ['GET instances/ID', ['instance', operations.readInstance]],
  ['GET vips/ID', ['vip', operations.readVip]],
  ['GET svips/ID', ['vip', operations.readSecureVip]],
  ['POST peerreplication', ['other', operations.notHere]],
  ['PUT asg', ['other', operations.notHere]],
])

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new EurekaError(400, 'The path has a percent sign without two hexadecimal digits.')
  }
}

function failureOf(error: unknown, log: Log): LeanAnswer {
  if (error instanceof EurekaError) return textAnswer(error.status, error.message)
  if (isRefused(error)) return textAnswer(error.statusCode, error.message)
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_STORAGE_')) {
    return textAnswer(503, error.message)
  }
  log('error', 'an operation of Eureka failed', { error })
  return textAnswer(500, 'Backplane failed to answer; its log says why.')
}

/** What the registry refuses says its own status. */
function isRefused(error: unknown): error is Error & { readonly statusCode: number } {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
}

function textAnswer(status: number, body: string): LeanAnswer {
  return { status, contentType: body === '' ? '' : 'text/plain; charset=utf-8', body }
}
