import { randomBytes } from 'node:crypto'
import { hasCredentials, isSameText } from '../../../../platform/http/guard.ts'
import type {
  LeanAnswer,
  LeanExchange,
  LeanOptions,
  LeanRequest,
} from '../../../../platform/http/lean/options.ts'
import { ProblemError } from '../../../../platform/problem.ts'
import { IngestBusyError } from '../busy.ts'
import { createGround } from '../draft.ts'
import type { Ingest } from '../ingest.ts'
import { decompress } from '../otlp/exporter.ts'
import type { Turns } from '../turns.ts'
import { BulkError, readBulk, type BulkItem } from './bulk.ts'
import { recordOfDocument } from './document.ts'

/** As Elasticsearch has it (`http.max_content_length`). */
const BODY_BYTES_MAX = 100 * 1024 * 1024
/** A version that shippers of today speak to: Beats refuse a server that is older than themselves. */
const VERSION = '9.9.0'

/** What the listener hands over to. */
export interface ElasticsearchNeeds {
  readonly ingest: Ingest
  /** Taken to decompress a body. */
  readonly turns: Turns
  readonly nowMs: () => number
}

/** The part of Elasticsearch's API that shippers use. */
export function elasticsearchOverHttp(
  needs: ElasticsearchNeeds,
  { hosts, token }: { readonly hosts: readonly string[]; readonly token: string | undefined },
): LeanOptions {
  return {
    handle: (exchange) => void handle(needs, exchange, token),
    keptFields: ['content-type', 'content-encoding', 'authorization', 'accept'],
    bodyBytesMax: (method) => (method === 'GET' || method === 'HEAD' ? 64 * 1024 : BODY_BYTES_MAX),
    failure: ({ statusCode, message }) => branded(failure(statusCode, typeOf(statusCode), message)),
    hosts,
    section: 'logs',
    demandsCredentials: token !== undefined,
    limits: { bodiesBytesMax: 2 * BODY_BYTES_MAX },
  }
}

async function handle(
  needs: ElasticsearchNeeds,
  exchange: LeanExchange,
  token: string | undefined,
): Promise<void> {
  try {
    const { request } = exchange
    if (token !== undefined && !mayEnter(request.field('authorization'), token)) {
      throw new ProblemError(
        401,
        'ERR_HTTP_CREDENTIALS',
        'this listener demands logs.token: as Bearer, ApiKey, or password of Basic',
      )
    }
    exchange.answer(asAccepted(await answer(needs, request), request))
  } catch (error) {
    exchange.answer(branded(failed(error)))
  }
}

/** Beats and clients send `ApiKey base64(id:key)`: the key is the token. */
function mayEnter(authorization: string, token: string): boolean {
  const [scheme = '', value = ''] = authorization.split(' ', 2)
  if (!/^apikey$/i.test(scheme)) return hasCredentials(authorization, token)
  const pair = Buffer.from(value, 'base64').toString('utf8')
  return isSameText(pair.slice(pair.indexOf(':') + 1), token)
}

async function answer(needs: ElasticsearchNeeds, request: LeanRequest): Promise<LeanAnswer> {
  const { method, path } = request
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
  const last = parts.at(-1) ?? ''
  if (parts.length === 0) return method === 'HEAD' ? json(200, '') : json(200, about())
  if (last === '_bulk' && parts.length <= 2 && (method === 'POST' || method === 'PUT')) {
    return bulk(needs, request, parts.length === 2 ? parts[0]! : '')
  }
  if (isDocument(parts, method)) return document(needs, request, parts)
  return known(method, parts, path)
}

/** `POST /index/_doc`, `PUT /index/_doc/id`, `PUT /index/_create/id`. */
function isDocument(parts: readonly string[], method: string): boolean {
  const [index = '', kind = ''] = parts
  const isWrite = method === 'POST' || method === 'PUT'
  return (
    isWrite &&
    !index.startsWith('_') &&
    (kind === '_doc' || kind === '_create') &&
    parts.length <= 3
  )
}

/** What shippers ask at their start, and what they prepare: accepted, because records need neither. */
function known(method: string, parts: readonly string[], path: string): LeanAnswer {
  const [first = '', second = ''] = parts
  switch (first) {
    case '_license':
      return json(200, {
        license: {
          status: 'active',
          uid: 'backplane',
          type: 'basic',
          mode: 'basic',
          expiry_date_in_millis: 4_000_000_000_000,
        },
      })
    case '_xpack':
      return json(200, {
        license: { uid: 'backplane', type: 'basic', mode: 'basic', status: 'active' },
        features: { ilm: { available: true, enabled: true } },
      })
    case '_cluster':
      return json(200, {
        cluster_name: 'backplane',
        status: 'green',
        number_of_nodes: 1,
        number_of_data_nodes: 1,
        timed_out: false,
        version: { number: VERSION },
      })
    case '_cat':
      return second === 'health'
        ? { status: 200, contentType: 'text/plain', body: 'backplane green 1 1\n' }
        : missing(method, path)
    case '_nodes':
      return json(200, {
        cluster_name: 'backplane',
        nodes: { backplane: { version: VERSION, roles: ['data', 'ingest'] } },
      })
    case '_index_template':
    case '_component_template':
    case '_template':
    case '_ingest':
    case '_ilm':
    case '_data_stream':
    case '_logstash':
    case 'logstash':
      // Templates, pipelines, life cycles: fields need no mapping here, and retention is said in the file.
      return method === 'PUT' || method === 'POST' || method === 'DELETE'
        ? json(200, { acknowledged: true })
        : json(200, {})
    default:
      return ofIndex(method, parts, path)
  }
}

function ofIndex(method: string, parts: readonly string[], path: string): LeanAnswer {
  const [index = '', action = ''] = parts
  if (action === '_refresh' || action === '_flush') {
    return json(200, { _shards: { total: 1, successful: 1, failed: 0 } })
  }
  if (parts.length === 1 && !index.startsWith('_')) {
    if (method === 'PUT') return json(200, { acknowledged: true, shards_acknowledged: true, index })
    if (method === 'HEAD') return json(200, '')
  }
  if (action === '_alias' || index === '_alias') return json(200, {})
  return missing(method, path)
}

function missing(method: string, path: string): LeanAnswer {
  return failure(
    501,
    'unsupported_operation_exception',
    `${method} ${path} is not offered here: Backplane takes records by this port; search them in its console, or by /api/v1/telemetry/logs`,
  )
}

async function bulk(
  { ingest, turns, nowMs }: ElasticsearchNeeds,
  request: LeanRequest,
  index: string,
): Promise<LeanAnswer> {
  const startedMs = nowMs()
  const body = await bodyOf(request, turns)
  const read = readBulk(body, index, createGround(startedMs), createIds())
  if (read.items.length === 0)
    throw new ProblemError(400, 'ERR_ELASTICSEARCH_BULK', 'request body is required')
  await ingest.takeLogs(read.records, 'retries')
  for (const one of read.items)
    if (one.error !== undefined) ingest.health.of('elasticsearch', '').unparsed++
  return {
    status: 200,
    contentType: 'application/json',
    body: bulkAnswer(read.items, nowMs() - startedMs),
  }
}

/** Written by hand: an answer has as many items as the request. */
function bulkAnswer(items: readonly BulkItem[], tookMs: number): string {
  let hasErrors = false
  const told = items.map(({ action, index, id, error }) => {
    const place = `"_index":${JSON.stringify(index)},"_id":${JSON.stringify(id)}`
    if (error === undefined) {
      return `{"${action}":{${place},"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}}`
    }
    hasErrors = true
    const { status, type, reason } = error
    return `{"${action}":{${place},"status":${status},"error":{"type":"${type}","reason":${JSON.stringify(reason)}}}}`
  })
  return `{"took":${Math.max(0, Math.round(tookMs))},"errors":${hasErrors},"items":[${told.join(',')}]}`
}

async function document(
  { ingest, turns, nowMs }: ElasticsearchNeeds,
  request: LeanRequest,
  parts: readonly string[],
): Promise<LeanAnswer> {
  const [index = '', , id = newId()] = parts
  let parsed: unknown
  try {
    parsed = JSON.parse((await bodyOf(request, turns)).toString('utf8'))
  } catch (error) {
    if (error instanceof ProblemError) throw error
    parsed = undefined
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ProblemError(400, 'ERR_ELASTICSEARCH_DOCUMENT', 'the document is no JSON object')
  }
  await ingest.takeLogs([recordOfDocument(parsed, index, createGround(nowMs()))], 'retries')
  return json(201, {
    _index: index,
    _id: id,
    _version: 1,
    result: 'created',
    _shards: { total: 1, successful: 1, failed: 0 },
    _seq_no: 0,
    _primary_term: 1,
  })
}

async function bodyOf(request: LeanRequest, turns: Turns): Promise<Buffer> {
  const coding = request.field('content-encoding').toLowerCase()
  const body = await decompress(request.body, coding, BODY_BYTES_MAX, turns)
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Ids of one request: one draw of chance for all of them. */
function createIds(): () => string {
  const prefix = randomBytes(12).toString('base64url')
  let last = 0
  return () => `${prefix}${(++last).toString(36).padStart(4, '0')}`
}

function newId(): string {
  return randomBytes(15).toString('base64url')
}

function about(): object {
  return {
    name: 'backplane',
    cluster_name: 'backplane',
    cluster_uuid: 'backplane',
    version: {
      number: VERSION,
      build_flavor: 'default',
      build_type: 'backplane',
      build_snapshot: false,
      lucene_version: '10.0.0',
      minimum_wire_compatibility_version: '8.0.0',
      minimum_index_compatibility_version: '8.0.0',
    },
    tagline: 'You Know, for Search',
  }
}

function json(status: number, body: object | string): LeanAnswer {
  return {
    status,
    contentType: 'application/json',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  }
}

/** Clients look whether the server is one of theirs, and want the media type that they accept: `application/vnd.elasticsearch+json;compatible-with=9`. */
function asAccepted(answered: LeanAnswer, request: LeanRequest): LeanAnswer {
  const compatible = /application\/vnd\.elasticsearch\+json; ?compatible-with=\d+/.exec(
    request.field('accept'),
  )
  const contentType =
    compatible !== null && answered.contentType === 'application/json'
      ? compatible[0]
      : answered.contentType
  return branded({ ...answered, contentType })
}

function branded(answered: LeanAnswer): LeanAnswer {
  return {
    ...answered,
    fields: [...(answered.fields ?? []), ['x-elastic-product', 'Elasticsearch']],
  }
}

function failed(error: unknown): LeanAnswer {
  if (error instanceof BulkError) return failure(400, 'illegal_argument_exception', error.message)
  if (error instanceof IngestBusyError) {
    const told = failure(error.statusCode, 'es_rejected_execution_exception', error.message)
    return {
      ...told,
      fields: [...(told.fields ?? []), ['retry-after', String(error.retryAfterSeconds)]],
    }
  }
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  return failure(statusCode, typeOf(statusCode), message)
}

function typeOf(status: number): string {
  if (status === 401 || status === 403) return 'security_exception'
  return status < 500 ? 'illegal_argument_exception' : 'exception'
}

function failure(status: number, type: string, reason: string): LeanAnswer {
  const error = { type, reason }
  return {
    status,
    contentType: 'application/json',
    body: JSON.stringify({ error: { root_cause: [error], ...error }, status }),
  }
}
