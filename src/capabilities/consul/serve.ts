import type { Log } from '../../platform/capability.ts'
import type { LeanAnswer, LeanExchange, LeanOptions } from '../../platform/http/lean/options.ts'
import { ProblemError } from '../../platform/problem.ts'
import { text, type Answer, type Field, type Reply, type Watched } from './answers.ts'
import type { Waits } from './blocking.ts'
import { Call, KEPT_FIELDS } from './call.ts'
import { ConsulError } from './errors.ts'
import type { Authorizer } from './permissions.ts'
import type { Router } from './router.ts'

/** What the listener stands on. */
export interface ServeGround {
  readonly router: Router
  readonly waits: Waits
  readonly authorizer: Authorizer
  readonly datacenter: string
  readonly hosts: readonly string[]
  readonly demandsCredentials: boolean
  readonly log: Log
}

/** The Consul HTTP API on a lean listener. */
export function consulListener(ground: ServeGround): LeanOptions {
  return {
    handle: (exchange) => serve(ground, exchange),
    keptFields: KEPT_FIELDS,
    bodyBytesMax: (method, path) => ground.router.bodyBytesMax(method, path),
    failure: (problem) => send(refusalOf(problem), false),
    hosts: ground.hosts,
    section: 'consul',
    demandsCredentials: ground.demandsCredentials,
  }
}

function serve(ground: ServeGround, exchange: LeanExchange): void {
  const { request } = exchange
  let isPretty = false
  const answer = (one: Answer, more: readonly Field[] = []): void => {
    const policy: Field = ['x-consul-default-acl-policy', ground.authorizer.defaultPolicy]
    exchange.answer(send({ ...one, fields: [...one.fields, ...more, policy] }, isPretty))
  }
  const fail = (error: unknown): void => answer(failureOf(error, ground, request.method))
  try {
    const { route, path, rest } = ground.router.match(request.method, request.path)
    const call = new Call(request, { path, rest }, ground.authorizer)
    isPretty = call.has('pretty')
    refuseElsewhere(call, ground.datacenter)
    const reply: Reply = route.run(call)
    if (reply instanceof Promise) void reply.then(answer, fail)
    else if ('topic' in reply) wait(ground, exchange, call, reply, { answer, fail })
    else answer(reply)
  } catch (error) {
    fail(error)
  }
}

function wait(
  ground: ServeGround,
  exchange: LeanExchange,
  call: Call,
  watched: Watched,
  {
    answer,
    fail,
  }: {
    readonly answer: (one: Answer, more: readonly Field[]) => void
    readonly fail: (error: unknown) => void
  },
): void {
  // What is read much later fails as what is read now does.
  let failed: unknown
  const guarded: Watched = {
    ...watched,
    read() {
      try {
        return watched.read()
      } catch (error) {
        failed = error
        return text('', 500)
      }
    },
  }
  const leave = ground.waits.settle(guarded, call.patience(), (settled) => {
    if (failed !== undefined) return fail(failed)
    const fields: Field[] = [
      ['x-consul-knownleader', 'true'],
      ['x-consul-lastcontact', '0'],
      ['x-consul-effective-consistency', 'leader'],
    ]
    if (settled.index !== undefined) fields.push(['x-consul-index', String(settled.index)])
    if (settled.hash !== undefined) fields.push(['x-consul-contenthash', settled.hash])
    answer(settled.answer, fields)
  })
  if (!exchange.isOver) exchange.whenGone = leave
}

/** There is one datacenter, and no namespaces. */
function refuseElsewhere(call: Call, datacenter: string): void {
  if (call.has('stale') && call.has('consistent')) {
    throw new ConsulError(400, 'Cannot specify ?stale with ?consistent, conflicting semantics.')
  }
  const dc = call.param('dc')
  if (dc !== '' && dc !== datacenter) throw new ConsulError(500, 'No path to datacenter')
  for (const [name, what] of [
    ['ns', 'Namespaces are'],
    ['partition', 'Partitions are'],
  ] as const) {
    const value = call.param(name)
    if (value === '' || value === 'default') continue
    throw new ConsulError(
      400,
      `Invalid query parameter: "${name}" - ${what} a Consul Enterprise feature`,
    )
  }
}

function failureOf(error: unknown, { log }: ServeGround, method: string): Answer {
  if (error instanceof ConsulError) return text(error.message, error.status, error.fields)
  // What siblings refuse: their status and words are those that clients know.
  if (error instanceof ProblemError) return text(error.message, error.statusCode)
  const refused = refusedStatus(error)
  if (refused !== undefined && error instanceof Error) return text(error.message, refused)
  log('error', 'a call of the Consul API failed', { method, error })
  return text('Backplane failed to answer; its log says why.', 500)
}

/** What the registry or the storage refuses (a limit, a full disk, an id that is taken) is no defect, and the client should know. */
function refusedStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  const code = String(error.code)
  if (code.startsWith('ERR_STORAGE_')) return 500
  if (!code.startsWith('ERR_DISCOVERY_')) return undefined
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
}

/** Refusals of the HTTP layer in Consul's words, where it has some. */
function refusalOf({ statusCode, message, fields }: ProblemError): Answer {
  if (statusCode !== 413) return text(message, statusCode)
  return text(
    `Request body(${String(fields['bytes'])} bytes) too large, max size: ${String(fields['bytesMax'])} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size.`,
    413,
  )
}

function send({ status, body, fields }: Answer, isPretty: boolean): LeanAnswer {
  switch (body.kind) {
    case 'json': {
      const compact = isPretty ? undefined : JSON.stringify(body.value)
      const written = compact ?? `${JSON.stringify(body.value, null, 4)}\n`
      return { status, contentType: 'application/json', fields, body: written }
    }
    case 'text':
      return { status, contentType: 'text/plain; charset=utf-8', fields, body: body.text }
    case 'bytes':
      return { status, contentType: body.contentType, fields, body: body.bytes }
  }
}
