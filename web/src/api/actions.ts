import type { RequestRecord } from '../../../src/contracts/snapshot.ts'

/** What the server refused or could not do: RFC 9457 problem details, or what is left of them. */
export class ActionError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, message: string) {
    super(message)
    this.name = 'ActionError'
    this.code = code
    this.status = status
  }
}

/** The answer of `GET /api/v1/config`. */
export interface ConfigView {
  readonly file: string
  readonly overlay: string
  readonly effective: unknown
  /** Dotted path to `backplane.yaml:12`; what is not named is a default. */
  readonly sources: Readonly<Record<string, string>>
  readonly overrides: readonly {
    readonly service: string
    readonly setting: string
    readonly value: unknown
    readonly file: unknown
  }[]
}

export type ServiceAction =
  | { readonly kind: 'restart' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  | { readonly kind: 'scale'; readonly instances: number }
  | { readonly kind: 'clear' }

/** Carries out one action. Throws `ActionError`. */
export async function runAction(service: string, action: ServiceAction): Promise<void> {
  const base = `/api/v1/services/${encodeURIComponent(service)}`
  switch (action.kind) {
    case 'restart':
    case 'stop':
    case 'start':
      await send('POST', `${base}/${action.kind}`, {})
      break
    case 'scale':
      await send('PUT', `${base}/scale`, { instances: action.instances })
      break
    case 'clear':
      await send('DELETE', `${base}/overrides`)
      break
    default:
      action satisfies never
  }
}

/** The effective configuration. Throws `ActionError`. */
export async function loadConfig(): Promise<ConfigView> {
  return (await send('GET', '/api/v1/config')) as ConfigView
}

/** The newest requests, newest first. Throws `ActionError`. */
export async function loadRequests(onlyFailed: boolean): Promise<readonly RequestRecord[]> {
  const query = `${onlyFailed ? 'failed=true&' : ''}limit=50`
  return (await send('GET', `/api/v1/requests?${query}`)) as readonly RequestRecord[]
}

/** The newest requests of a trace, newest first; none while telemetry is away. Throws `ActionError`. */
export async function loadTrace(traceId: string): Promise<readonly RequestRecord[]> {
  const query = `trace=${encodeURIComponent(traceId)}&limit=100`
  try {
    return (await send('GET', `/api/v1/telemetry/requests?${query}`)) as readonly RequestRecord[]
  } catch (error) {
    if (error instanceof ActionError && error.status >= 500) return []
    throw error
  }
}

/** The record of one request, or null when it is not among the recent ones. Throws `ActionError`. */
export async function loadRequest(requestId: string): Promise<RequestRecord | null> {
  try {
    return (await send('GET', `/api/v1/why/${encodeURIComponent(requestId)}`)) as RequestRecord
  } catch (error) {
    if (error instanceof ActionError && error.status === 404) return null
    throw error
  }
}

/** Where an instance comes from, and its lease. */
export interface RegistrationView {
  readonly source: string
  readonly node: string
  readonly leaseMs: number | null
  readonly renewedAtMs: number | null
  readonly registeredAtMs: number
  readonly override: string | null
  readonly overrideReason: string
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
}

/** Null where it is gone. Throws `ActionError`. */
export async function loadRegistration(
  service: string,
  id: string,
): Promise<RegistrationView | null> {
  const url = `/api/v1/services/${encodeURIComponent(service)}/instances/${encodeURIComponent(id)}`
  try {
    return (await send('GET', url)) as RegistrationView
  } catch (error) {
    if (error instanceof ActionError && error.status === 404) return null
    throw error
  }
}

/** What was asked over DNS since the start. */
export interface DnsView {
  readonly queries: readonly {
    readonly transport: string
    readonly type: string
    readonly outcome: string
    readonly count: number
  }[]
  readonly truncated: number
  readonly dropped: number
  readonly limited: { readonly truncate: number; readonly drop: number }
  readonly forwards: number
}

/** What Eureka clients asked since the start. */
export interface EurekaView {
  readonly leased: number
  readonly preserved: number
  readonly twins: number
  readonly requests: readonly {
    readonly labels: { readonly operation: string; readonly status: string }
    readonly value: number
  }[]
}

/** Throws `ActionError`. */
export async function loadDns(): Promise<DnsView> {
  return (await send('GET', '/api/v1/dns')) as DnsView
}

/** Throws `ActionError`. */
export async function loadEureka(): Promise<EurekaView> {
  return (await send('GET', '/api/v1/eureka')) as EurekaView
}

/** Asks the admin API; null for an answer without a body. Throws `ActionError`. */
export async function send(method: string, url: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new ActionError('NO ANSWER', 0, `The control plane cannot be reached: ${String(error)}`)
  })
  const text = await response.text()
  if (!response.ok) throw readProblem(response.status, text)
  return text === '' ? null : parseJson(text)
}

/** An error from an answer's body, whether it is problem+json or not. */
export function readProblem(status: number, text: string): ActionError {
  const problem = parseJson(text)
  const field = (name: string): string => {
    if (typeof problem !== 'object' || problem === null) return ''
    const value = (problem as Record<string, unknown>)[name]
    return typeof value === 'string' ? value : ''
  }
  const message = field('detail') || field('title') || `The server answered with status ${status}.`
  return new ActionError(field('code') || `HTTP ${status}`, status, message)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
