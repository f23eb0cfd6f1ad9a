import { isAlias, isMap, isNode, isPair, isScalar, isSeq, parseDocument } from 'yaml'
import type { Document, Pair, YAMLMap } from 'yaml'
import { CONFIG_PROBLEMS_MAX } from './problems.ts'
import type { ConfigProblem, Place } from './problems.ts'

/** A configuration file is at most this long. */
export const CONFIG_BYTES_MAX = 1024 * 1024
/** Values in one file after anchors and merges were followed: stops "billion laughs". */
export const CONFIG_NODES_MAX = 100_000
/** Maps and lists within each other. */
export const CONFIG_DEPTH_MAX = 50

const tooDeep = `nests more than ${CONFIG_DEPTH_MAX} levels deep`

/** The text of one file. */
export interface SourceText {
  /** As it is shown in messages: `backplane.yaml`. */
  readonly name: string
  readonly text: string
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[]
}

/** A range of characters in a file. */
export interface Mark {
  readonly source: SourceText
  readonly start: number
  readonly end: number
}

/** YAML as data in which each value and each name knows where it stands. */
export type ConfigNode =
  | { readonly kind: 'map'; readonly at: Mark; readonly entries: ReadonlyMap<string, ConfigEntry> }
  | { readonly kind: 'list'; readonly at: Mark; readonly items: readonly ConfigNode[] }
  | {
      readonly kind: 'scalar'
      readonly at: Mark
      readonly value: string | number | boolean | null
    }

export interface ConfigEntry {
  readonly key: Mark
  readonly value: ConfigNode
}

/** Prepares a text for `readYamlTree`. */
export function createSourceText(name: string, text: string): SourceText {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1))
    lineStarts.push(at + 1)
  return { name, text, lineStarts }
}

/** File, line and column of a mark. */
export function placeOf({ source, start }: Mark): Place {
  let low = 0
  let high = source.lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((source.lineStarts[middle] ?? 0) <= start) low = middle
    else high = middle - 1
  }
  const lineStart = source.lineStarts[low] ?? 0
  const lineEnd = source.lineStarts[low + 1] ?? source.text.length
  return {
    file: source.name,
    line: low + 1,
    column: start - lineStart + 1,
    sourceLine: source.text.slice(lineStart, lineEnd).replace(/\r?\n?$/, ''),
  }
}

/**
 * Parses YAML 1.2 (JSON is YAML) with the core schema, anchors and merge keys. Duplicate keys, unknown tags, several
 * documents and keys that are no names are problems. Where there are problems the tree is what could be made of it;
 * it is undefined where there is nothing.
 */
export function readYamlTree(source: SourceText): {
  readonly root: ConfigNode | undefined
  readonly problems: readonly ConfigProblem[]
} {
  const reader: Reader = { source, problems: [], anchors: new Map(), open: new Set(), nodeCount: 0 }
  const document = parseText(reader)
  const contents = document?.contents ?? null
  const root = contents === null ? undefined : readNode(reader, contents, 0)
  return { root, problems: reader.problems }
}

interface Reader {
  readonly source: SourceText
  readonly problems: ConfigProblem[]
  readonly anchors: Map<string, unknown>
  /** Anchored nodes that are being read now: an alias to one of them would never end. */
  readonly open: Set<unknown>
  nodeCount: number
}

function parseText(reader: Reader): Document | undefined {
  let document: Document
  try {
    // Duplicate keys are found below: the package compares each key with all before it. Below the level `error` it
    // lets further documents pass.
    const options = {
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      strict: true,
    } as const
    document = parseDocument(reader.source.text, options)
  } catch (error) {
    // The composer recurses: only a text of thousands of open brackets gets here.
    if (!(error instanceof RangeError)) throw error
    refuse(reader, 0, 0, 'ERR_CONFIG_TOO_LARGE', tooDeep)
    return undefined
  }
  for (const { pos, message, code } of [...document.errors, ...document.warnings]) {
    if (/call stack|Stack overflow/.test(message)) {
      refuse(reader, pos[0], pos[1], 'ERR_CONFIG_TOO_LARGE', tooDeep)
      break
    }
    const hint = code === 'TAB_AS_INDENT' ? '; indent with spaces' : ''
    const text = message.charAt(0).toLowerCase() + message.slice(1)
    refuse(reader, pos[0], pos[1], 'ERR_CONFIG_SYNTAX', `is not valid YAML: ${text}${hint}`)
  }
  return document
}

function readNode(reader: Reader, node: unknown, depth: number): ConfigNode {
  const [start = 0, end = start] = isNode(node) ? (node.range ?? []) : []
  const at: Mark = { source: reader.source, start, end }
  const nothing: ConfigNode = { kind: 'scalar', at, value: null }
  reader.nodeCount += 1
  if (reader.nodeCount > CONFIG_NODES_MAX) {
    const limit = `holds more than ${CONFIG_NODES_MAX} values, anchors followed`
    if (reader.nodeCount === CONFIG_NODES_MAX + 1) {
      refuse(reader, start, end, 'ERR_CONFIG_TOO_LARGE', limit)
    }
    return nothing
  }
  if (depth > CONFIG_DEPTH_MAX) {
    refuse(reader, start, end, 'ERR_CONFIG_TOO_LARGE', tooDeep)
    return nothing
  }
  if (isAlias(node)) return readAlias(reader, node.source, at, depth)
  if (isScalar(node)) {
    if (node.anchor !== undefined) reader.anchors.set(node.anchor, node)
    return { kind: 'scalar', at, value: plainScalar(node.value) }
  }
  if (!isMap(node) && !isSeq(node)) return nothing
  if (node.anchor !== undefined) reader.anchors.set(node.anchor, node)
  reader.open.add(node)
  const read: ConfigNode = isMap(node)
    ? { kind: 'map', at, entries: readEntries(reader, node, depth) }
    : { kind: 'list', at, items: node.items.map((item) => readNode(reader, item, depth + 1)) }
  reader.open.delete(node)
  return read
}

function readAlias(reader: Reader, name: string, at: Mark, depth: number): ConfigNode {
  const target = reader.anchors.get(name)
  if (target === undefined || reader.open.has(target)) {
    const why =
      target === undefined ? `names no anchor: there is no &${name} above` : 'contains itself'
    refuse(reader, at.start, at.end, 'ERR_CONFIG_SYNTAX', `is not valid YAML: *${name} ${why}`)
    return { kind: 'scalar', at, value: null }
  }
  return readNode(reader, target, depth)
}

function readEntries(reader: Reader, map: YAMLMap, depth: number): Map<string, ConfigEntry> {
  const entries = new Map<string, ConfigEntry>()
  const merged: ConfigNode[] = []
  for (const pair of map.items) {
    const key = readKey(reader, pair)
    if (key === undefined) continue
    const value = readNode(reader, pair.value, depth + 1)
    const entry = { key: key.at, value: pair.value === null ? { ...value, at: key.at } : value }
    const before = entries.get(key.name)
    if (key.name === '<<' && !key.isQuoted) {
      merged.push(...(value.kind === 'list' ? value.items : [value]))
    } else if (before === undefined) {
      entries.set(key.name, entry)
    } else {
      const { line } = placeOf(before.key)
      const twice = `stands twice in the same map, first on line ${line}; remove one`
      refuse(reader, key.at.start, key.at.end, 'ERR_CONFIG_DUPLICATE_KEY', `${key.name} ${twice}`)
    }
  }
  mergeInto(reader, entries, merged)
  return entries
}

/** https://yaml.org/type/merge.html: what the map says itself wins, then the earlier of the merged ones. */
function mergeInto(
  reader: Reader,
  entries: Map<string, ConfigEntry>,
  merged: readonly ConfigNode[],
): void {
  for (const node of merged) {
    if (node.kind !== 'map') {
      const demand = 'must be followed by an alias of a map, such as <<: *defaults'
      refuse(reader, node.at.start, node.at.end, 'ERR_CONFIG_SYNTAX', `<< ${demand}`)
      continue
    }
    for (const [name, entry] of node.entries) if (!entries.has(name)) entries.set(name, entry)
  }
}

function readKey(
  reader: Reader,
  pair: Pair,
): { readonly name: string; readonly at: Mark; readonly isQuoted: boolean } | undefined {
  const { key } = pair
  const [start = 0, end = start] = isNode(key) ? (key.range ?? []) : []
  const at = { source: reader.source, start, end }
  if (
    isPair(pair) &&
    isScalar(key) &&
    (typeof key.value === 'string' || typeof key.value === 'number')
  ) {
    const isQuoted = typeof key.type === 'string' && key.type !== 'PLAIN'
    const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
    // Assigned to an object this name would set its prototype.
    if (name !== '__proto__') return { name, at, isQuoted }
  }
  refuse(reader, start, end, 'ERR_CONFIG_SYNTAX', 'a name in a map must be a text, such as orders')
  return undefined
}

/** With the core schema a scalar is one of these. */
function plainScalar(value: unknown): string | number | boolean | null {
  const isPlain =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return isPlain ? value : null
}

function refuse(reader: Reader, start: number, end: number, code: string, message: string): void {
  if (reader.problems.length >= CONFIG_PROBLEMS_MAX) return
  const place = placeOf({ source: reader.source, start, end })
  reader.problems.push({ ...place, path: '', code, message })
}
