import { formatGoDuration } from '../../mechanisms/go-duration/go-duration.ts'
import type { Kv } from '../kv/api.ts'
import type { Behavior, Session, SessionSpec } from '../kv/model.ts'
import { json, watched, type Answer, type Reply } from './answers.ts'
import type { Call } from './call.ts'
import { ConsulError } from './errors.ts'
import { decodeError, JsonFields } from './json-fields.ts'
import type { Route } from './router.ts'

const NS_PER_MS = 1_000_000
const TTL_MS_MIN = 10_000
const TTL_MS_MAX = 86_400_000
const LOCK_DELAY_MS_DEFAULT = 15_000
/** A smaller number is taken for seconds: people write 15 and mean it. Consul's rule. */
const LOCK_DELAY_NS_MIN = 1_000
/** The check that every node of an agent has. */
const NODE_CHECK = 'serfHealth'
/** Checks of one session. */
const CHECKS_MAX = 64
const NAME_LENGTH_MAX = 512

/** `/v1/session/`: https://developer.hashicorp.com/consul/api-docs/session */
export function sessionRoutes(kv: Kv, node: string): readonly Route[] {
  const one = (call: Call): string => {
    if (call.rest !== '') return call.rest
    throw new ConsulError(400, 'Missing session')
  }
  return [
    { methods: ['PUT'], path: '/v1/session/create', run: (call) => create(kv, node, call) },
    {
      methods: ['PUT'],
      path: '/v1/session/destroy/',
      run: (call) => destroy(kv, call, one(call)),
    },
    { methods: ['PUT'], path: '/v1/session/renew/', run: (call) => renew(kv, call, one(call)) },
    {
      methods: ['GET'],
      path: '/v1/session/info/',
      run(call) {
        const id = one(call)
        return list(kv, call, (session) => session.id === id)
      },
    },
    {
      methods: ['GET'],
      path: '/v1/session/node/',
      run(call) {
        const { rest } = call
        if (rest === '') throw new ConsulError(400, 'Missing node name')
        return list(kv, call, (session) => isSameName(session.node, rest))
      },
    },
    { methods: ['GET'], path: '/v1/session/list', run: (call) => list(kv, call, () => true) },
  ]
}

/** A session as clients know it. */
export function sessionJson(session: Session): object {
  const { serviceChecks } = session
  return {
    ID: session.id,
    Name: session.name,
    Node: session.node,
    LockDelay: session.lockDelayMs * NS_PER_MS,
    Behavior: session.behavior,
    TTL: session.ttlMs === 0 ? '' : formatGoDuration(session.ttlMs * NS_PER_MS),
    NodeChecks: session.nodeChecks,
    ServiceChecks:
      serviceChecks.length === 0 ? null : serviceChecks.map((ID) => ({ ID, Namespace: '' })),
    CreateIndex: session.createIndex,
    ModifyIndex: session.createIndex,
  }
}

/** Names of nodes are the same whatever their case. */
function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function list(kv: Kv, call: Call, isWanted: (session: Session) => boolean): Reply {
  return watched(kv.watchSessions(), () => {
    const { permissions } = call
    const seen = [...kv.sessions()].filter(
      (session) => isWanted(session) && permissions.allows('session', session.node, 'read'),
    )
    return json(seen.map(sessionJson))
  })
}

async function create(kv: Kv, node: string, call: Call): Promise<Answer> {
  const spec = parseSession(call.fields(), node)
  call.demand('session', spec.node, 'write')
  const { id } = await kv.createSession(spec)
  return json({ ID: id })
}

async function destroy(kv: Kv, call: Call, id: string): Promise<Answer> {
  const session = kv.session(id)
  if (session !== undefined) call.demand('session', session.node, 'write')
  await kv.destroySession(id)
  return json(true)
}

async function renew(kv: Kv, call: Call, id: string): Promise<Answer> {
  const known = kv.session(id)
  if (known !== undefined) call.demand('session', known.node, 'write')
  const session = await kv.renewSession(id)
  if (session === undefined) throw new ConsulError(404, `Session id '${id}' not found`)
  return json([sessionJson(session)])
}

function parseSession(fields: JsonFields, node: string): SessionSpec {
  const behavior = fields.text('Behavior') || 'release'
  if (!isBehavior(behavior)) throw new ConsulError(500, `Invalid session behavior: ${behavior}`)
  const name = fields.text('Name')
  if (name.length > NAME_LENGTH_MAX) throw decodeError(`Name is longer than ${NAME_LENGTH_MAX}`)
  return {
    name,
    node: fields.text('Node') || node,
    lockDelayMs: parseLockDelay(fields),
    behavior,
    ttlMs: parseTtl(fields),
    ...parseChecks(fields),
  }
}

function isBehavior(text: string): text is Behavior {
  return text === 'release' || text === 'delete'
}

function parseLockDelay(fields: JsonFields): number {
  const given = fields.durationNs('LockDelay')
  if (given === undefined) return LOCK_DELAY_MS_DEFAULT
  const ns = given < LOCK_DELAY_NS_MIN ? given * 1_000 * NS_PER_MS : given
  if (ns < 0) throw new ConsulError(500, 'Invalid lock delay: it is negative')
  return ns / NS_PER_MS
}

function parseTtl(fields: JsonFields): number {
  const text = fields.text('TTL')
  const ns = fields.durationNs('TTL') ?? 0
  if (ns === 0) return 0
  const ttlMs = ns / NS_PER_MS
  if (ttlMs >= TTL_MS_MIN && ttlMs <= TTL_MS_MAX) return ttlMs
  // 500, as in Consul: Patroni looks for it.
  throw new ConsulError(500, `Invalid Session TTL '${text}', must be between [10s=24h0m0s]`)
}

/** `NodeChecks` and `ServiceChecks`, or, from before they were apart, `Checks`. Without any: the check of the node. */
function parseChecks(fields: JsonFields): Pick<SessionSpec, 'nodeChecks' | 'serviceChecks'> {
  const serviceChecks = fields.objects('ServiceChecks').map((one) => one.text('ID'))
  const named = ['Checks', 'NodeChecks'].filter((name) => fields.has(name))
  const checks = named.length === 0 ? [NODE_CHECK] : named.flatMap((name) => fields.texts(name))
  const nodeChecks = [...new Set(checks)]
  if (nodeChecks.length + serviceChecks.length > CHECKS_MAX) {
    throw decodeError(`a session has at most ${CHECKS_MAX} checks`)
  }
  return { nodeChecks, serviceChecks }
}
