import { compileFilter, fieldsOf, type Shape } from '../../mechanisms/bexpr/compile.ts'
import { BexprError } from '../../mechanisms/bexpr/expression.ts'
import type { Instance, Node } from '../discovery/model.ts'
import type { Call } from './call.ts'
import { ConsulError } from './errors.ts'

const texts: Shape = { map: 'text' }
const address: Shape = fieldsOf({ Address: 'text', Port: 'number' })
const weights: Shape = fieldsOf({ Passing: 'number', Warning: 'number' })
const node = {
  ID: 'text',
  Node: 'text',
  Address: 'text',
  Datacenter: 'text',
  TaggedAddresses: texts,
  Meta: texts,
} as const satisfies Record<string, Shape>
const service = {
  ID: 'text',
  Service: 'text',
  Tags: { list: 'text' },
  Meta: texts,
  Port: 'number',
  Address: 'text',
  TaggedAddresses: { map: address },
  Weights: weights,
  EnableTagOverride: 'flag',
  Kind: 'text',
} as const satisfies Record<string, Shape>
const check = {
  Node: 'text',
  CheckID: 'text',
  Name: 'text',
  Status: 'text',
  Notes: 'text',
  Output: 'text',
  ServiceID: 'text',
  ServiceName: 'text',
  ServiceTags: { list: 'text' },
  Type: 'text',
} as const satisfies Record<string, Shape>

/** What each list can be filtered by. */
export const FILTER_SHAPES = {
  node: fieldsOf(node),
  service: fieldsOf(service),
  check: fieldsOf(check),
  catalogService: fieldsOf({
    ID: 'text',
    Node: 'text',
    Address: 'text',
    Datacenter: 'text',
    TaggedAddresses: texts,
    NodeMeta: texts,
    ServiceID: 'text',
    ServiceName: 'text',
    ServiceTags: { list: 'text' },
    ServiceAddress: 'text',
    ServiceTaggedAddresses: { map: address },
    ServiceWeights: weights,
    ServiceMeta: texts,
    ServicePort: 'number',
    ServiceEnableTagOverride: 'flag',
    ServiceKind: 'text',
  }),
  health: fieldsOf({
    Node: fieldsOf(node),
    Service: fieldsOf(service),
    Checks: { list: fieldsOf(check) },
  }),
  /** Of the names of services: judged by each instance. */
  services: fieldsOf({ ServiceName: 'text', ServiceTags: { list: 'text' }, ServiceMeta: texts }),
} as const

/** `?filter=`: true for what it keeps. Throws `ConsulError` 400. */
export function filterOf(call: Call, shape: Shape): (value: unknown) => boolean {
  const text = call.param('filter')
  if (text === '') return () => true
  try {
    return compileFilter(text, shape)
  } catch (error) {
    if (!(error instanceof BexprError)) throw error
    throw new ConsulError(400, `Failed to create boolean expression evaluator: ${error.message}`)
  }
}

/** `?tag=a&tag=b`: true for what has all of them, in any case. */
export function tagFilterOf(call: Call): (instance: Instance) => boolean {
  const wanted = call.query.getAll('tag').map((tag) => tag.toLowerCase())
  if (wanted.length === 0) return () => true
  return ({ tags }) => wanted.every((tag) => tags.some((one) => one.toLowerCase() === tag))
}

/** `?node-meta=key:value`, several of them: true for nodes that have all. */
export function nodeMetaFilterOf(call: Call): (one: Node) => boolean {
  const wanted = call.query.getAll('node-meta').map((pair): readonly [string, string] => {
    const colon = pair.indexOf(':')
    return colon === -1 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)]
  })
  if (wanted.length === 0) return () => true
  return ({ meta }) => {
    const has = new Map(Object.entries(meta))
    return wanted.every(([key, value]) => has.get(key) === value)
  }
}
