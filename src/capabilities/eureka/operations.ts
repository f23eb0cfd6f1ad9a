import { NOT_APPLIED_FIELD } from '../../contracts/applied.ts'
import type { LeanAnswer, LeanRequest } from '../../platform/http/lean/options.ts'
import { answerOnce, type Bodies } from './bodies.ts'
import type { Directory } from './directory.ts'
import { EurekaError } from './errors.ts'
import { formOf, writeApp, writeApps, writeInstance } from './forms.ts'
import { hashOf, type EurekaApp } from './model.ts'
import { readRegistration } from './read-registration.ts'
import type { RecentChanges } from './recent-changes.ts'
import type { EurekaRegistrations } from './registrations.ts'

/** What operations stand on. */
export interface OperationsGround {
  readonly directory: Directory
  readonly recent: RecentChanges
  readonly registrations: EurekaRegistrations
  readonly bodies: Bodies
  readonly leaseS: number
  /** Whether every worker of the gateway has applied what was changed; resolves within two seconds. */
  readonly applied: () => Promise<boolean>
  /** Somebody is told who is there. */
  readonly noteTold: () => void
  /** Tells watchers what changed in this turn, so that the next answer has it. */
  flush(): void
}

/** A request, its path taken apart. */
export interface Call {
  readonly request: LeanRequest
  readonly app: string
  readonly id: string
  readonly query: URLSearchParams
}

/** One thing that clients do. */
export type Operation = (ground: OperationsGround, call: Call) => Promise<LeanAnswer>

/** An answer without a body. */
export const EMPTY = { contentType: '', body: '' } as const

const mayCompress = ({ request }: Call): boolean =>
  /\bgzip\b/.test(request.field('accept-encoding'))

/** Everybody. */
export const readApps: Operation = async ({ directory, bodies, noteTold }, call) => {
  noteTold()
  const form = formOf(call.request.field('accept'))
  return bodies.answer('apps', form, directory.version(), mayCompress(call), () => {
    const apps = directory.apps()
    return writeApps(form, apps, hashOf(apps))
  })
}

/** What changed lately, with the hash over everybody. */
export const readDelta: Operation = async (ground, call) => {
  ground.flush()
  ground.noteTold()
  const { directory, recent, bodies } = ground
  const form = formOf(call.request.field('accept'))
  const changed = recent.apps()
  const version = `${directory.version()} ${recent.version}`
  return bodies.answer('delta', form, version, mayCompress(call), () =>
    writeApps(form, changed, hashOf(directory.apps()), recent.version),
  )
}

/** One application. */
export const readApp: Operation = async ({ directory, noteTold }, call) => {
  noteTold()
  const app = directory.app(call.app)
  if (app === undefined) throw unknown()
  const form = formOf(call.request.field('accept'))
  return answerOnce(form, writeApp(form, app), mayCompress(call))
}

/** One instance, of an application or of any. */
export const readInstance: Operation = async ({ directory }, call) => {
  const entry =
    call.app === '' ? directory.instanceById(call.id) : directory.entry(call.app, call.id)
  if (entry === undefined) throw unknown()
  const form = formOf(call.request.field('accept'))
  return answerOnce(form, writeInstance(form, directory.view(entry.instance)), mayCompress(call))
}

/** Whoever has a virtual address. */
export const readVip: Operation = ({ directory, noteTold }, call) => {
  noteTold()
  return answerVip(directory.appsOfVip(call.id, false), call)
}

/** Whoever has a virtual address over TLS. */
export const readSecureVip: Operation = ({ directory, noteTold }, call) => {
  noteTold()
  return answerVip(directory.appsOfVip(call.id, true), call)
}

async function answerVip(apps: readonly EurekaApp[], call: Call): Promise<LeanAnswer> {
  if (apps.length === 0) throw unknown()
  const form = formOf(call.request.field('accept'))
  return answerOnce(form, writeApps(form, apps, hashOf(apps)), mayCompress(call))
}

/** Answers when every worker of the gateway may choose the instance. */
export const register: Operation = async (ground, { request, app }) => {
  const registration = readRegistration(request.body, ground.leaseS)
  await ground.registrations.register(app, registration, request.address)
  return whenApplied(ground, 204)
}

/** A heartbeat; 404 makes the client register again. */
export const renew: Operation = async ({ registrations }, { request, app, id, query }) => {
  const dirty = Number(query.get('lastDirtyTimestamp') ?? '')
  const told = Number.isSafeInteger(dirty) && dirty > 0 ? { dirtyAtMs: dirty } : {}
  if (!registrations.renew(app, id, told, request.address)) throw unknown()
  return { status: 200, ...EMPTY }
}

/** An instance leaves. */
export const cancel: Operation = async (ground, { app, id }) => {
  if (!(await ground.registrations.cancel(app, id))) throw unknown()
  return whenApplied(ground, 200)
}

/** An operator takes an instance out, or back in. */
export const overrideStatus: Operation = async (ground, { app, id, query }) => {
  if (!(await ground.registrations.override(app, id, query.get('value') ?? ''))) throw unknown()
  return whenApplied(ground, 200)
}

/** The override ends. */
export const clearStatus: Operation = async (ground, { app, id, query }) => {
  if (!(await ground.registrations.clearOverride(app, id, query.get('value') ?? '')))
    throw unknown()
  return whenApplied(ground, 200)
}

/** Adds to the metadata of an instance. */
export const addMetadata: Operation = async ({ registrations }, { app, id, query }) => {
  if (!(await registrations.addMetadata(app, id, [...query]))) throw unknown()
  return { status: 200, ...EMPTY }
}

/** Acknowledged means routable, or the answer says that it is not yet. */
async function whenApplied({ applied }: OperationsGround, status: number): Promise<LeanAnswer> {
  const fields = (await applied()) ? [] : [NOT_APPLIED_FIELD]
  return { status, ...EMPTY, fields }
}

/** What belongs to a server of several, or to Amazon. */
export const notHere: Operation = async () => {
  throw new EurekaError(501, 'Backplane is one server: it has no peers and no scaling groups.')
}

/** Eureka's own server says no more either. */
function unknown(): EurekaError {
  return new EurekaError(404, '')
}
