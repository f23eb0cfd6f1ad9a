import type { SettingPath } from './problems.ts'
import { acceptsMap, childSchemas } from './schema.ts'
import type { Schema } from './schema.ts'
import type { ConfigEntry, ConfigNode, Mark } from './yaml-tree.ts'

/** Lays one tree over another: maps are merged, lists and values replaced, null takes away (RFC 7396). Positions stay. */
export function mergeTrees(base: ConfigNode, over: ConfigNode): ConfigNode {
  if (base.kind !== 'map' || over.kind !== 'map') return over
  const entries = new Map(base.entries)
  for (const [name, entry] of over.entries) {
    const below = entries.get(name)
    if (below === undefined) entries.set(name, entry)
    else if (entry.value.kind === 'scalar' && entry.value.value === null) entries.delete(name)
    else entries.set(name, mergeEntry(below, entry))
  }
  return { ...base, entries }
}

/** A map that both files write keeps the place of the first: there most of it stands. */
function mergeEntry(below: ConfigEntry, over: ConfigEntry): ConfigEntry {
  const isMerged = below.value.kind === 'map' && over.value.kind === 'map'
  return { key: isMerged ? below.key : over.key, value: mergeTrees(below.value, over.value) }
}

/** The tree as plain data. `orders:` with nothing after it is an empty map where the schema expects a map. */
export function toPlain(node: ConfigNode, ...schemas: readonly Schema[]): unknown {
  const child = (key: string | number, value: ConfigNode): unknown =>
    toPlain(value, ...schemas.flatMap((schema) => childSchemas(schema, key)))
  switch (node.kind) {
    case 'scalar':
      return node.value === null && schemas.some(acceptsMap) ? {} : node.value
    case 'list':
      return node.items.map((item, index) => child(index, item))
    case 'map':
      return Object.fromEntries(
        [...node.entries].map(([key, { value }]) => [key, child(key, value)]),
      )
    default:
      return node satisfies never
  }
}

/** The tree without the value at a path. */
export function removeFromTree(node: ConfigNode, path: SettingPath): ConfigNode {
  const [key, ...rest] = path
  if (key === undefined || node.kind === 'scalar') return node
  if (node.kind === 'list') {
    const index = Number(key)
    if (rest.length === 0) return { ...node, items: node.items.toSpliced(index, 1) }
    const item = node.items[index]
    return item === undefined
      ? node
      : { ...node, items: node.items.with(index, removeFromTree(item, rest)) }
  }
  const entry = node.entries.get(String(key))
  if (entry === undefined) return node
  const entries = new Map(node.entries)
  if (rest.length === 0) entries.delete(String(key))
  else entries.set(String(key), { ...entry, value: removeFromTree(entry.value, rest) })
  return { ...node, entries }
}

/**
 * Where a path stands: its name (`key`) or its value. A path that is not in the file gets the place of the nearest
 * thing around it, or undefined for `exact` (which is the place of the name).
 */
export function findMark(node: ConfigNode, path: SettingPath, at: 'key' | 'value'): Mark
export function findMark(node: ConfigNode, path: SettingPath, at: 'exact'): Mark | undefined
export function findMark(
  node: ConfigNode,
  path: SettingPath,
  at: 'key' | 'value' | 'exact',
): Mark | undefined {
  let here = node
  let key: Mark | undefined
  for (const part of path) {
    const entry = stepInto(here, part)
    if (entry === undefined) return at === 'exact' ? undefined : (key ?? here.at)
    here = entry.value
    key = entry.key
  }
  return at === 'value' ? here.at : (key ?? here.at)
}

function stepInto(node: ConfigNode, part: string | number): ConfigEntry | undefined {
  if (node.kind === 'map') return node.entries.get(String(part))
  const item = node.kind === 'list' ? node.items[Number(part)] : undefined
  return item === undefined ? undefined : { key: item.at, value: item }
}
