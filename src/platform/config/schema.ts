import type { z } from 'zod'
import { unitOf } from './units.ts'

/** Any Zod schema. */
export type Schema = z.core.$ZodType

/** Without `optional`, `default`, `prefault` and the like. A schema with a unit is a leaf. */
export function unwrapSchema(schema: Schema): Schema {
  let inner = schema
  while (unitOf(inner) === undefined) {
    const { def } = (inner as z.core.$ZodTypes)._zod
    if ('innerType' in def) inner = def.innerType
    else if (def.type === 'pipe') inner = def.in
    else if (def.type === 'lazy') inner = def.getter()
    else return inner
  }
  return inner
}

/** The schemas that a value of this one may follow: the options of a union, else itself; all unwrapped. */
export function schemaOptions(schema: Schema): readonly Schema[] {
  const inner = unwrapSchema(schema)
  const { def } = (inner as z.core.$ZodTypes)._zod
  if (def.type !== 'union' || unitOf(inner) !== undefined) return [inner]
  return def.options.flatMap(schemaOptions)
}

/** The schemas that the entry `key` of a map or list may follow; empty where the schema knows none. */
export function childSchemas(schema: Schema, key: string | number): readonly Schema[] {
  return schemaOptions(schema).flatMap((option): Schema[] => {
    if (unitOf(option) !== undefined) return []
    const { def } = (option as z.core.$ZodTypes)._zod
    if (def.type === 'record') return [def.valueType]
    if (def.type === 'array') return [def.element]
    if (def.type !== 'object') return []
    const child = Object.hasOwn(def.shape, key) ? def.shape[key] : undefined
    return child === undefined ? [] : [child]
  })
}

/** The schemas at a path. */
export function schemasAt(schema: Schema, path: readonly PropertyKey[]): readonly Schema[] {
  let found: readonly Schema[] = [schema]
  for (const key of path) {
    found = found.flatMap((each) => childSchemas(each, typeof key === 'symbol' ? '' : key))
  }
  return found
}

/** The names that a map of this schema may have; undefined where it may have any. */
export function knownNames(schema: Schema): readonly string[] | undefined {
  const names: string[] = []
  for (const option of schemaOptions(schema)) {
    const { def } = (option as z.core.$ZodTypes)._zod
    if (def.type === 'record') return undefined
    if (def.type === 'object') names.push(...Object.keys(def.shape))
  }
  return names
}

/** Whether the value may be a map. */
export function acceptsMap(schema: Schema): boolean {
  return schemaOptions(schema).some((option) => {
    const { type } = (option as z.core.$ZodTypes)._zod.def
    return unitOf(option) === undefined && (type === 'object' || type === 'record')
  })
}

/** Names the alternatives of a schema in words: `a whole number or a map with min and max`. */
export function describeType(schema: Schema): string {
  return [...new Set(schemaOptions(schema).map(describeOption))].join(' or ')
}

const UNIT_WORDS = {
  duration: 'a duration such as 2s',
  size: 'a size such as 64KiB',
  share: 'a share such as 20%',
  rate: 'a rate such as 100/s',
  address: 'a port, an address or off',
  secret: 'a text, { env: NAME } or { file: path }',
} as const

function describeOption(option: Schema): string {
  const unit = unitOf(option)
  if (unit !== undefined) return UNIT_WORDS[unit.kind]
  const { def } = (option as z.core.$ZodTypes)._zod
  if (def.type === 'string') return 'a text'
  if (def.type === 'number') return 'format' in def ? 'a whole number' : 'a number'
  if (def.type === 'boolean') return 'true or false'
  if (def.type === 'literal') return def.values.map(String).join(' or ')
  if (def.type === 'enum') return `one of ${Object.values(def.entries).join(', ')}`
  if (def.type === 'array') return `a list, each entry ${describeType(def.element)}`
  if (def.type === 'object') return `a map with ${Object.keys(def.shape).join(', ')}`
  return def.type === 'record' ? 'a map of names' : `a ${def.type}`
}
