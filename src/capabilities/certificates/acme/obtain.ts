import type { CertificateOp } from '../../../contracts/certificates.ts'
import type { Clock, Random } from '../../../platform/capability.ts'
import { createNameTable } from '../../../mechanisms/server-names/server-names.ts'
import { CertificateError } from '../errors.ts'
import { parsePair, type UsableCertificate } from '../parse-pair.ts'
import type { AcmeSettings } from '../schema.ts'
import { makeKey } from './account-key.ts'
import { AcmeError } from './acme-error.ts'
import type { OpenAuthority } from './authority.ts'
import { type HostMemory, memoryFile, newMemory, type OrderMemory } from './host-memory.ts'
import type { OrderBook } from './order-book.ts'
import { finishOrder } from './order.ts'
import { renewalOf, roomForOrder } from './schedule.ts'

/** After a success nothing is asked for again so soon, whatever the authority suggests and however short the life is. */
const REST_MS = 3_600_000

/** What one certificate needs. */
export interface ObtainGround {
  readonly host: string
  readonly settings: AcmeSettings
  readonly authority: OpenAuthority
  readonly memory: HostMemory
  readonly orders: OrderBook
  readonly clock: Clock
  readonly random: Random
  readonly stopping: AbortSignal
  readonly publish: (ops: readonly CertificateOp[]) => Promise<unknown>
  /** An order was asked for. */
  readonly begun: () => void
  readonly step: (step: string) => void
  /** On the disk when it resolves. */
  readonly keep: (memory: HostMemory) => Promise<void>
}

/** A certificate, by the order that is under way or by a new one: what is to be remembered then. @throws AcmeError */
export async function obtainCertificate(ground: ObtainGround): Promise<HostMemory> {
  const { host, settings, authority, clock, random, memory } = ground
  ground.step('asks the authority')
  const kid = await authority.kid()
  const isUnderWay = memory.order !== undefined && memory.directory === settings.directory
  const order = isUnderWay ? memory.order! : await beginOrder(ground, kid)
  const { makeProof, makeRequest } = await import('./proof.ts')
  const chain = await finishOrder(
    {
      session: authority.session,
      kid,
      host,
      challenges: inTurn(settings.challenges, memory.failures),
      clock,
      publish: ground.publish,
      wait: (ms) => waitFor(ms, ground),
      step: ground.step,
      request: () => makeRequest(host, order.key),
      prove: (keyAuthorization) => makeProof(host, keyAuthorization, clock.nowMs()),
    },
    order.url,
  )
  const nowMs = clock.nowMs()
  const usable = judge(host, chain, order.key, nowMs)
  return {
    directory: settings.directory,
    certificate: { chain, key: order.key },
    failures: 0,
    tryAtMs: nowMs + REST_MS,
    renewAtMs: renewalOf(usable, random),
    askAtMs: nowMs,
  }
}

async function beginOrder(ground: ObtainGround, kid: string): Promise<OrderMemory> {
  const { host, settings, authority, orders, clock, memory } = ground
  const nowMs = clock.nowMs()
  const { ordersPerHour } = settings
  const retryAtMs = roomForOrder(await orders.begun(nowMs), ordersPerHour, nowMs)
  if (retryAtMs > 0) {
    const text = `${ordersPerHour} orders were begun within an hour (tls.acme.ordersPerHour)`
    throw new AcmeError('ERR_CERTIFICATE_ACME_LIMITED', text, { retryAtMs })
  }
  ground.step('begins an order')
  const { newOrder, renewalInfo } = await authority.session.directory()
  const key = await makeKey()
  await orders.add(nowMs)
  ground.begun()
  const identifiers = [{ type: 'dns', value: host }]
  const replaces = renewalInfo === '' ? undefined : await nameOfCurrent(memory, settings.directory)
  const post = (more: object) => authority.session.post(newOrder, { kid }, { identifiers, ...more })
  const answer = await post(replaces === undefined ? {} : { replaces }).catch((error: unknown) => {
    // RFC 9773 section 5: also where the authority does not know what it replaces, the order itself is right.
    if (replaces === undefined || !isAboutReplacing(error)) throw error
    return post({})
  })
  if (answer.location === '') {
    const text = 'the authority does not say where the order is'
    throw new AcmeError('ERR_CERTIFICATE_ACME_UNREACHABLE', text)
  }
  const order = { url: answer.location, key, tries: 0 }
  const known = memory.directory === settings.directory ? memory : newMemory(settings.directory)
  const { certificate } = memory
  await ground.keep({ ...known, ...(certificate === undefined ? {} : { certificate }), order })
  return order
}

function isAboutReplacing(error: unknown): boolean {
  return error instanceof AcmeError && ['alreadyReplaced', 'malformed'].includes(error.type)
}

async function nameOfCurrent(
  { certificate, directory }: HostMemory,
  wanted: string,
): Promise<string | undefined> {
  if (certificate === undefined || directory !== wanted) return undefined
  const { renewalName } = await import('./proof.ts')
  return renewalName(certificate.chain)
}

/** What is issued must be of use: else the one from before stays. */
function judge(host: string, chain: string, key: string, nowMs: number): UsableCertificate {
  const code = 'ERR_CERTIFICATE_ACME_UNUSABLE'
  const file = memoryFile(host)
  try {
    const text = { certificateFile: file, keyFile: file, certificate: chain, key }
    const usable = parsePair(text, nowMs)
    if (createNameTable([{ names: usable.names, value: true }]).find(host).length > 0) return usable
    const text2 = `the authority has issued a certificate for ${usable.names.join(', ')}`
    throw new AcmeError(code, text2, { isOrderLost: true })
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    const text = `the authority has issued a certificate that cannot be used: ${error.message}`
    throw new AcmeError(code, text, { isOrderLost: true })
  }
}

/** The same list, beginning with the next one after each failure. */
function inTurn<Value>(list: readonly Value[], failures: number): readonly Value[] {
  const first = failures % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}

function waitFor(ms: number, { clock, stopping }: ObtainGround): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = (): void => reject(new Error('the process stops'))
  const cancel = clock.after(ms, resolve)
  stopping.addEventListener('abort', stop)
  return promise.finally(() => {
    cancel()
    stopping.removeEventListener('abort', stop)
  })
}
