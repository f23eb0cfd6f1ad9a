import type { SettingPath } from './problems.ts'
import { childSchemas, schemaOptions } from './schema.ts'
import type { Schema } from './schema.ts'
import { isSecretSchema } from './secrets.ts'
import { unitOf } from './units.ts'

/**
 * Parsed settings as one would write them in the file: units as texts (`30s`, `64KiB`, `20%`), secrets as `***`,
 * what is not set left out. Apart from the secrets it is a valid file with the same meaning.
 */
export function formatSettings(value: unknown, schema: Schema): unknown {
  if (value === undefined) return undefined
  if (isSecretSchema(schema)) return '***'
  const unit = schemaOptions(schema)
    .map(unitOf)
    .find((each) => each !== undefined)
  const isUnitValue = unit?.kind === 'address' || typeof value === 'number'
  if (unit !== undefined && isUnitValue) return unit.format(value as never)
  if (typeof value !== 'object' || value === null) return value
  const child = (key: string | number, each: unknown): unknown => {
    const children = childSchemas(schema, key)
    const chosen = children.find(isSecretSchema) ?? children[0]
    return chosen === undefined ? each : formatSettings(each, chosen)
  }
  if (Array.isArray(value)) return value.map((each, index) => child(index, each))
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.map(([key, each]) => [key, child(key, each)]))
}

/** Every value of plain data that is neither a map nor a list with entries, in order, with its path. */
export function listLeaves(
  value: unknown,
  path: SettingPath = [],
): readonly { readonly path: SettingPath; readonly value: unknown }[] {
  const entries: readonly [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : []
  if (entries.length === 0) return [{ path, value }]
  return entries.flatMap(([key, each]) => listLeaves(each, [...path, key]))
}
