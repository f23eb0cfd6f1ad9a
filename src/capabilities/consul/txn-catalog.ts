import type { CatalogDraft } from '../discovery/catalog-draft.ts'
import type { Check, Instance, Node } from '../discovery/model.ts'
import { statusOf } from './agent-checks.ts'
import { parseService, type ServiceDefinition } from './agent-services.ts'
import type { Call } from './call.ts'
import { registrationOn } from './catalog-register.ts'
import { viewNode, viewService } from './catalog-views.ts'
import type { World } from './catalog-world.ts'
import { ConsulError } from './errors.ts'
import { viewCheck } from './health-views.ts'
import type { JsonFields } from './json-fields.ts'
import { permissionDenied, type Resource } from './permissions.ts'

const VERBS = ['get', 'set', 'cas', 'delete', 'delete-cas'] as const
type Verb = (typeof VERBS)[number]

/** One operation of a transaction on the catalog: decided on a draft, shown when it is in force. */
export interface CatalogOp {
  /** Why the token may not; undefined: it may. */
  refusal(call: Call): string | undefined
  /** Changes the draft, or says in Consul's words why it cannot. */
  decide(draft: CatalogDraft): string | undefined
  /** What the answer shows of it; undefined: nothing. */
  result(): object | undefined
}

/** How one kind of thing is found, changed and shown. */
interface Kind<Record extends { readonly modifyIndex: number }> {
  /** `service "web" on node "n1"`: how errors call it. */
  readonly what: string
  known(draft: CatalogDraft): Record | 'draft' | undefined
  set(draft: CatalogDraft): string | undefined
  delete(draft: CatalogDraft): string | undefined
  find(): Record | undefined
  show(record: Record): object
  refusal(call: Call, access: 'read' | 'write'): string | undefined
}

/** `Node`, `Service` and `Check` of `/v1/txn`. Undefined: it is none of these. Throws `ConsulError` 400, 501. */
export function parseCatalogOp(
  world: World,
  fields: JsonFields,
  client: string,
): CatalogOp | undefined {
  const node = fields.object('Node')
  if (node !== undefined) {
    const told = node.object('Node')
    if (told === undefined) throw missing('Node')
    return createOp(verbOf(node), told.integer('ModifyIndex'), nodeKind(world, told))
  }
  const service = fields.object('Service')
  if (service !== undefined) {
    const told = service.object('Service')
    if (told === undefined) throw missing('Service')
    const on = service.text('Node')
    return createOp(
      verbOf(service),
      told.integer('ModifyIndex'),
      serviceKind(world, on, told, client),
    )
  }
  const check = fields.object('Check')
  if (check === undefined) return undefined
  const told = check.object('Check')
  if (told === undefined) throw missing('Check')
  return createOp(verbOf(check), told.integer('ModifyIndex'), checkKind(world, told))
}

function createOp<Record extends { readonly modifyIndex: number }>(
  verb: Verb,
  index: number,
  kind: Kind<Record>,
): CatalogOp {
  let read: object | undefined
  const isStale = (known: Record | 'draft' | undefined): boolean =>
    known === 'draft' || (known?.modifyIndex ?? 0) !== index
  return {
    refusal: (call) => kind.refusal(call, verb === 'get' ? 'read' : 'write'),
    decide(draft) {
      const known = kind.known(draft)
      switch (verb) {
        case 'get':
          if (known === undefined) return `${kind.what} doesn't exist`
          // As it is now: a later operation may delete it.
          read = known === 'draft' ? undefined : kind.show(known)
          return undefined
        case 'set':
          return kind.set(draft)
        case 'cas':
          return isStale(known) ? `failed to set ${kind.what}, index is stale` : kind.set(draft)
        case 'delete':
          return known === undefined ? undefined : kind.delete(draft)
        case 'delete-cas':
          // What is not there is deleted already, whatever the index, as with keys.
          if (known === undefined) return undefined
          return isStale(known)
            ? `failed to delete ${kind.what}, index is stale`
            : kind.delete(draft)
      }
    },
    result() {
      if (verb === 'delete' || verb === 'delete-cas') return undefined
      const record = kind.find()
      return read ?? (record && kind.show(record))
    },
  }
}

function nodeKind(world: World, fields: JsonFields): Kind<Node> {
  const shown = fields.text('Node')
  if (shown === '') throw missing('Node.Node')
  const name = world.nodeOf(shown)
  const uuid = fields.text('ID')
  return {
    what: `node ${JSON.stringify(shown)}`,
    known: (draft) => draft.node(name),
    set(draft) {
      if (fields.text('Address') === '') return 'Must provide address'
      draft.putNode({
        name,
        address: fields.text('Address'),
        ...(uuid === '' ? {} : { uuid }),
        taggedAddresses: Object.fromEntries(fields.map('TaggedAddresses')),
        meta: Object.fromEntries(fields.map('Meta')),
      })
      return undefined
    },
    delete(draft) {
      if (name === world.discovery.localNode)
        return `node ${JSON.stringify(shown)} is this machine, and stays`
      draft.dropNode(name)
      return undefined
    },
    find: () => world.discovery.node(name),
    show: (node) => ({ Node: viewNode(world, node) }),
    refusal: (call, access) => deniedOf(call, 'node', shown, access),
  }
}

function serviceKind(
  world: World,
  shown: string,
  fields: JsonFields,
  client: string,
): Kind<Instance> {
  const { discovery } = world
  const node = world.nodeOf(shown)
  const id = fields.text('ID') || fields.text('Service')
  if (id === '') throw missing('Service.ID')
  const service: ServiceDefinition | undefined =
    fields.text('Service') === '' ? undefined : parseService(fields)
  const there = () => discovery.instanceOnNode(node, id)
  return {
    what: `service ${JSON.stringify(id)} on node ${JSON.stringify(shown || world.node)}`,
    known: (draft) => draft.service(node, id),
    set(draft) {
      if (service === undefined) return 'Missing service name'
      if (draft.node(node) === undefined) return 'Missing node registration'
      const checks = draft.registration(node, id)?.checks ?? []
      const ofNode = draft.addressOf(node)
      draft.putService(registrationOn(world, { node, ofNode, service, checks, client }))
      return undefined
    },
    delete(draft) {
      draft.dropService(node, id)
      return undefined
    },
    find: there,
    show: (instance) => ({ Service: viewService(world, instance) }),
    refusal(call, access) {
      const names = new Set([there()?.service ?? '', service?.name ?? there()?.service ?? ''])
      names.delete('')
      for (const name of names) {
        const why = deniedOf(call, 'service', name, access)
        if (why !== undefined) return why
      }
      return undefined
    },
  }
}

function checkKind(world: World, fields: JsonFields): Kind<Check> {
  const { discovery } = world
  const shown = fields.text('Node')
  const node = world.nodeOf(shown)
  const id = fields.text('CheckID') || fields.text('Name')
  if (id === '') throw missing('Check.CheckID')
  const service = fields.text('ServiceID') || undefined
  const status = statusOf(fields.text('Status'))
  const named = {
    ...(fields.text('Name') === '' ? {} : { name: fields.text('Name') }),
    ...(fields.text('Notes') === '' ? {} : { notes: fields.text('Notes') }),
  }
  const find = () => discovery.checkOnNode(node, id)
  return {
    what: `check ${JSON.stringify(id)} on node ${JSON.stringify(shown || world.node)}`,
    known: (draft) => draft.check(node, id),
    set(draft) {
      if (draft.node(node) === undefined) return 'Missing node registration'
      if (service !== undefined && draft.service(node, service) === undefined) {
        return 'Missing service registration'
      }
      const spec = { kind: 'reported', id, ...named, initially: status } as const
      draft.putCheck(node, service, spec, { status, output: fields.text('Output') })
      return undefined
    },
    delete(draft) {
      draft.dropCheck(node, id)
      return undefined
    },
    find: () => find()?.check,
    show: () => ({ Check: viewCheck(world, node, id) }),
    refusal(call, access) {
      const owner = find()?.instance ?? (service && discovery.instanceOnNode(node, service))
      return owner
        ? deniedOf(call, 'service', owner.service, access)
        : deniedOf(call, 'node', shown || world.node, access)
    },
  }
}

function verbOf(fields: JsonFields): Verb {
  const verb = fields.text('Verb')
  const found = VERBS.find((one) => one === verb)
  if (found !== undefined) return found
  throw new ConsulError(400, `Failed to parse body: unknown verb ${JSON.stringify(verb)}`)
}

function deniedOf(
  { permissions }: Call,
  resource: Resource,
  name: string,
  access: 'read' | 'write',
): string | undefined {
  if (permissions.allows(resource, name, access)) return undefined
  return permissionDenied(permissions, resource, name, access).message
}

function missing(what: string): ConsulError {
  return new ConsulError(400, `Failed to parse body: an operation has no ${what}`)
}
