import { hasCredentials, isSameText } from '../../../../platform/http/guard.ts'
import type {
  LeanAnswer,
  LeanExchange,
  LeanOptions,
  LeanRequest,
} from '../../../../platform/http/lean/options.ts'
import { IngestBusyError } from '../busy.ts'
import { createGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'
import { decompress } from '../otlp/exporter.ts'
import type { Turns } from '../turns.ts'
import { HEC, HecError, readEvents, readRaw, type HecCode } from './events.ts'

const BODY_BYTES_MAX = 32 * 1024 * 1024
/** Acknowledgements that are remembered for one channel, and channels: the oldest go. */
const ACKS_MAX = 10_000
const CHANNELS_MAX = 1_000

/** What the listener hands over to. */
export interface SplunkNeeds {
  readonly ingest: Ingest
  /** Taken to decompress a body. */
  readonly turns: Turns
  readonly nowMs: () => number
  /** Whether something can be taken now. */
  readonly isHealthy: () => boolean
}

/** Events that are stored, by channel: an answer comes only when they are, so every number that was given out is one. */
class Acknowledgements {
  readonly #channels = new Map<string, { next: number; readonly open: Set<number> }>()

  give(name: string): number {
    const channel = this.#channels.get(name) ?? { next: 0, open: new Set() }
    this.#channels.delete(name)
    this.#channels.set(name, channel)
    if (this.#channels.size > CHANNELS_MAX)
      this.#channels.delete(this.#channels.keys().next().value!)
    const id = channel.next++
    channel.open.add(id)
    if (channel.open.size > ACKS_MAX) channel.open.delete(channel.open.values().next().value!)
    return id
  }

  /** Each is told once. */
  take(name: string, id: number): boolean {
    return this.#channels.get(name)?.open.delete(id) ?? false
  }
}

/** Splunk's HTTP Event Collector. */
export function splunkOverHttp(
  needs: SplunkNeeds,
  { hosts, token }: { readonly hosts: readonly string[]; readonly token: string | undefined },
): LeanOptions {
  const acknowledgements = new Acknowledgements()
  return {
    handle: (exchange) => void handle(needs, acknowledgements, exchange, token),
    keptFields: ['content-encoding', 'authorization', 'x-splunk-request-channel'],
    bodyBytesMax: (method) => (method === 'POST' ? BODY_BYTES_MAX : 0),
    failure: ({ statusCode, message }) => ({
      status: statusCode,
      contentType: 'application/json',
      body: JSON.stringify({
        text: message,
        code: statusCode < 500 ? HEC.badFormat[1] : HEC.internal[1],
      }),
    }),
    hosts,
    section: 'logs',
    demandsCredentials: token !== undefined,
    limits: { bodiesBytesMax: 4 * BODY_BYTES_MAX },
  }
}

async function handle(
  needs: SplunkNeeds,
  acknowledgements: Acknowledgements,
  exchange: LeanExchange,
  token: string | undefined,
): Promise<void> {
  const { request } = exchange
  const query = new URLSearchParams(request.query)
  const path = request.path.replace(/\/(?:1\.0)?$/, '')
  try {
    if (path === '/services/collector/health')
      return exchange.answer(told(needs.isHealthy() ? 'healthy' : 'unhealthy'))
    const refusal =
      token === undefined ? undefined : refusalOf(request.field('authorization'), query, token)
    if (refusal !== undefined) return exchange.answer(told(refusal))
    const channel = request.field('x-splunk-request-channel') || (query.get('channel') ?? '')
    if (request.method !== 'POST') return exchange.answer(notFound(request))
    switch (path) {
      case '/services/collector':
      case '/services/collector/event':
      case '/services/collector/raw':
        await take(needs, request, query, path.endsWith('raw'))
        return exchange.answer(
          told('success', channel === '' ? {} : { ackId: acknowledgements.give(channel) }),
        )
      case '/services/collector/ack':
        return exchange.answer(acknowledged(acknowledgements, request, channel))
      default:
        return exchange.answer(notFound(request))
    }
  } catch (error) {
    exchange.answer(failed(error))
  }
}

/** `Authorization: Splunk TOKEN`, Basic with the token as password, or `?token=`. */
function refusalOf(
  authorization: string,
  query: URLSearchParams,
  token: string,
): HecCode | undefined {
  const [scheme = '', value = ''] = authorization.split(' ', 2)
  const given = /^splunk$/i.test(scheme) ? value : query.get('token')
  if (given === null || given === undefined) {
    if (authorization === '') return 'tokenRequired'
    return hasCredentials(authorization, token) ? undefined : 'tokenInvalid'
  }
  return isSameText(given, token) ? undefined : 'tokenInvalid'
}

async function take(
  { ingest, turns, nowMs }: SplunkNeeds,
  request: LeanRequest,
  query: URLSearchParams,
  isRaw: boolean,
): Promise<void> {
  const coding = request.field('content-encoding').toLowerCase()
  const body = Buffer.from(await decompress(request.body, coding, BODY_BYTES_MAX, turns)).toString(
    'utf8',
  )
  const defaults = {
    host: query.get('host') ?? '',
    source: query.get('source') ?? '',
    sourcetype: query.get('sourcetype') ?? '',
    index: query.get('index') ?? '',
  }
  const read = isRaw ? readRaw : readEvents
  await ingest.takeLogs(read(body, defaults, createGround(nowMs())), 'retries')
}

/** `{"acks": [0, 1]}` is answered by `{"acks": {"0": true, "1": false}}`. */
function acknowledged(
  acknowledgements: Acknowledgements,
  request: LeanRequest,
  channel: string,
): LeanAnswer {
  if (channel === '') return told('channelMissing')
  let acks: unknown
  try {
    acks = (JSON.parse(request.body.toString('utf8')) as { acks?: unknown } | null)?.acks
  } catch {
    acks = undefined
  }
  if (!Array.isArray(acks)) return told('badFormat')
  const ids = acks.filter((one): one is number => Number.isSafeInteger(one)).slice(0, ACKS_MAX)
  const found = Object.fromEntries(ids.map((id) => [id, acknowledgements.take(channel, id)]))
  return { status: 200, contentType: 'application/json', body: JSON.stringify({ acks: found }) }
}

function told(code: HecCode, more: object = {}): LeanAnswer {
  const [status, number, text] = HEC[code]
  return {
    status,
    contentType: 'application/json',
    body: JSON.stringify({ text, code: number, ...more }),
  }
}

function notFound({ method, path }: LeanRequest): LeanAnswer {
  const text = `${method} ${path} is not offered here: /services/collector, /event, /raw, /health and /ack are`
  return { status: 404, contentType: 'application/json', body: JSON.stringify({ text, code: 404 }) }
}

function failed(error: unknown): LeanAnswer {
  if (error instanceof HecError)
    return told(error.reason, { 'invalid-event-number': error.eventNumber })
  if (error instanceof IngestBusyError) {
    return { ...told('busy'), fields: [['retry-after', String(error.retryAfterSeconds)]] }
  }
  const { statusCode = 500 } = error as { statusCode?: number }
  return { ...told(statusCode < 500 ? 'badFormat' : 'internal'), status: statusCode }
}
