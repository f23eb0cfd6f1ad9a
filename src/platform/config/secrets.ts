import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SettingPath, SettingProblem } from './problems.ts'
import { childSchemas, schemaOptions, unwrapSchema } from './schema.ts'
import type { Schema } from './schema.ts'
import { unitOf } from './units.ts'
import type { ConfigNode, Mark } from './yaml-tree.ts'

/** A secret's file is at most this long: a certificate chain fits, a disk image does not. */
export const SECRET_FILE_BYTES_MAX = 64 * 1024

const FILE_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be read'],
  ['EISDIR', 'is a folder'],
])

/** The settings after the loader: what was a secret's source is its text. */
export type Resolved<T> = T extends { readonly env: string } | { readonly file: string }
  ? string
  : T extends readonly (infer Item)[]
    ? Resolved<Item>[]
    : T extends object
      ? { [Key in keyof T]: Resolved<T[Key]> }
      : T

/** Whether a value of this schema, here or under one of its options, is a secret. */
export function isSecretSchema(schema: Schema): boolean {
  return schemaOptions(schema).some((option) => unitOf(unwrapSchema(option))?.kind === 'secret')
}

/**
 * Replaces every `{ env }` and `{ file }` of a setting that is a secret by its text. Files are relative to `folder`;
 * one line end at the end of a file is not part of the secret. A source that is missing, empty or too long is a
 * problem that names the source and never a value.
 */
export async function resolveSecrets(
  settings: unknown,
  options: {
    readonly schema: Schema
    readonly env: NodeJS.ProcessEnv
    readonly folder: string
  },
): Promise<{
  readonly settings: unknown
  readonly problems: readonly SettingProblem[]
  readonly files: readonly string[]
  /** Names of the environment variables that hold secrets. */
  readonly variables: readonly string[]
}> {
  const variables: string[] = []
  const problems: SettingProblem[] = []
  const files: string[] = []
  const resolveOne = async (source: unknown, path: SettingPath): Promise<unknown> => {
    if (typeof source !== 'object' || source === null) return source
    const refuse = (message: string): unknown => {
      problems.push({ path, code: 'ERR_CONFIG_SECRET_MISSING', message })
      return source
    }
    if ('env' in source && typeof source.env === 'string') {
      variables.push(source.env)
      const value = Object.hasOwn(options.env, source.env) ? options.env[source.env] : undefined
      if (value !== undefined && value !== '') return value
      const what = value === undefined ? 'not set' : 'empty'
      return refuse(`the environment variable ${source.env} is ${what}; set it before the start`)
    }
    if (!('file' in source) || typeof source.file !== 'string') return source
    const file = resolve(options.folder, source.file)
    files.push(file)
    const read = await readSecretFile(file)
    return read.value ?? refuse(`the secret's file ${source.file} ${read.problem}`)
  }
  const resolved = await mapSecrets(settings, options.schema, [], resolveOne)
  return { settings: resolved, problems, files: [...new Set(files)], variables }
}

async function readSecretFile(
  file: string,
): Promise<{ readonly value: string } | { readonly value?: undefined; readonly problem: string }> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    return {
      problem: `${FILE_PROBLEMS.get(code) ?? `cannot be read (${code})`}; create it, readable for this user`,
    }
  }
  if (bytes.length > SECRET_FILE_BYTES_MAX) {
    return { problem: `is longer than ${SECRET_FILE_BYTES_MAX} bytes; that is hardly a secret` }
  }
  const value = bytes.toString('utf8').replace(/\r?\n$/, '')
  return value === '' ? { problem: 'is empty; write the secret into it' } : { value }
}

type OnSecret = (value: unknown, path: SettingPath) => unknown

async function mapSecrets(
  value: unknown,
  schema: Schema,
  path: SettingPath,
  onSecret: OnSecret,
): Promise<unknown> {
  if (isSecretSchema(schema)) return onSecret(value, path)
  if (typeof value !== 'object' || value === null) return value
  const child = async (key: string | number, each: unknown): Promise<unknown> => {
    const children = childSchemas(schema, key)
    // Under several options better one secret too many than one too few.
    const first = children.find(isSecretSchema) ?? children[0]
    return first === undefined ? each : mapSecrets(each, first, [...path, key], onSecret)
  }
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const [index, item] of value.entries()) items.push(await child(index, item))
    return items
  }
  const entries: [string, unknown][] = []
  for (const [key, each] of Object.entries(value)) entries.push([key, await child(key, each)])
  return Object.fromEntries(entries)
}

/** Where plain texts of secrets stand in the files: these characters must not be shown. */
export function secretMarks(node: ConfigNode, schemas: readonly Schema[]): readonly Mark[] {
  if (schemas.some(isSecretSchema)) {
    // A reference shows no secret, but what else stands there may be one in the wrong shape.
    const isReference = node.kind === 'map' && (node.entries.has('env') || node.entries.has('file'))
    return isReference ? [] : [node.at]
  }
  switch (node.kind) {
    case 'scalar':
      return []
    case 'list':
      return node.items.flatMap((item, index) =>
        secretMarks(
          item,
          schemas.flatMap((schema) => childSchemas(schema, index)),
        ),
      )
    case 'map':
      return [...node.entries].flatMap(([key, { value }]) =>
        secretMarks(
          value,
          schemas.flatMap((schema) => childSchemas(schema, key)),
        ),
      )
    default:
      return node satisfies never
  }
}
