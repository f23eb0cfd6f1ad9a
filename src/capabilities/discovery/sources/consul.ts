import type { CheckStatus } from '../check-spec.ts'
import { getJson } from './http-get.ts'
import { SourceError, type Look, type Source, type Target } from './source.ts'

export interface ConsulSourceOptions {
  /** `http://host:8500`. */
  readonly url: string
  readonly service: string
  readonly token?: string | undefined
  readonly tag?: string | undefined
  readonly datacenter?: string | undefined
}

/** A wait of this long is asked for; a Consul adds up to a sixteenth. */
const WAIT_MS_MAX = 60_000
/** A client should not ask faster, whatever the answer: https://developer.hashicorp.com/consul/api-docs/features/blocking */
const AGAIN_MS_MIN = 50

/** Follows a service of a Consul by blocking queries of its health: a change arrives with the answer, not at the next poll. */
export function createConsulSource(options: ConsulSourceOptions): Source {
  let index = 0
  return {
    kind: 'consul',
    place: options.url,
    async look(waitMs, signal) {
      const url = urlOf(options, index, Math.min(waitMs, WAIT_MS_MAX))
      const token = options.token === undefined ? {} : { 'x-consul-token': options.token }
      try {
        const { headers, value } = await getJson(url, token, signal)
        const told = Number(headers['x-consul-index'])
        // An index that went back is of another history: begin anew. Never 0, which does not wait.
        index = Number.isSafeInteger(told) && told > 0 && told >= index ? told : 0
        return { targets: parseEntries(value), againMs: AGAIN_MS_MIN } satisfies Look
      } catch (error) {
        index = 0
        throw error
      }
    },
  }
}

function urlOf(
  { url, service, tag, datacenter }: ConsulSourceOptions,
  index: number,
  waitMs: number,
): URL {
  const base = new URL(url)
  const folder = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`
  base.pathname = `${folder}v1/health/service/${encodeURIComponent(service)}`
  base.search = ''
  const query = base.searchParams
  if (tag !== undefined) query.set('tag', tag)
  if (datacenter !== undefined) query.set('dc', datacenter)
  if (index > 0) {
    query.set('index', String(index))
    query.set('wait', `${Math.max(1, Math.round(waitMs / 1_000))}s`)
  }
  return base
}

interface Entry {
  readonly Node?: { readonly Node?: unknown; readonly Address?: unknown }
  readonly Service?: {
    readonly ID?: unknown
    readonly Address?: unknown
    readonly Port?: unknown
    readonly Tags?: unknown
    readonly Meta?: unknown
    readonly Weights?: { readonly Passing?: unknown; readonly Warning?: unknown }
  }
  readonly Checks?: unknown
}

function parseEntries(value: unknown): readonly Target[] {
  if (!Array.isArray(value)) throw new SourceError('its answer is no list of instances')
  return value.map((one: unknown) => {
    const target = typeof one === 'object' && one !== null ? parseEntry(one) : undefined
    if (target === undefined) throw new SourceError('its answer has an entry that is no instance')
    return target
  })
}

function parseEntry({ Node = {}, Service = {}, Checks }: Entry): Target | undefined {
  const node = textOf(Node.Node)
  const host = textOf(Service.Address) || textOf(Node.Address)
  const port = typeof Service.Port === 'number' ? Service.Port : -1
  if (node === '' || host === '' || port < 0 || port > 65_535) return undefined
  const tags: unknown[] = Array.isArray(Service.Tags) ? Service.Tags : []
  const meta = typeof Service.Meta === 'object' && Service.Meta !== null ? Service.Meta : {}
  return {
    id: `${node}/${textOf(Service.ID)}`,
    host,
    port,
    tags: tags.filter((tag): tag is string => typeof tag === 'string'),
    meta: Object.fromEntries(Object.entries(meta).map(([key, one]) => [key, String(one)])),
    weights: {
      passing: countOf(Service.Weights?.Passing, 1),
      warning: countOf(Service.Weights?.Warning, 0),
    },
    status: statusOf(Checks),
  }
}

function statusOf(checks: unknown): CheckStatus {
  const list: unknown[] = Array.isArray(checks) ? checks : []
  let worst: CheckStatus = 'passing'
  for (const check of list) {
    const status = typeof check === 'object' && check !== null && 'Status' in check && check.Status
    if (status === 'passing') continue
    if (status !== 'warning') return 'critical'
    worst = 'warning'
  }
  return worst
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function countOf(value: unknown, min: number): number {
  const count = typeof value === 'number' && Number.isInteger(value) ? value : 1
  return Math.min(Math.max(count, min), 65_535)
}
