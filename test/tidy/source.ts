import { dirname, join, normalize } from 'node:path'
import { parseAst } from 'vite'

/** A file as it lies on the disk; `path` is relative to the repository. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** `value` runs code of the other file, `type` does not, `start` names it for a thread or a process of its own. */
export interface Reference {
  readonly kind: 'value' | 'type' | 'start'
  /** A path of the repository, or a package as it was written. */
  readonly target: string
  /** What is taken from it, by the names that it is exported under; `*` where it is everything. */
  readonly names: readonly string[]
}

/** What the checks ask about one TypeScript file. */
export interface ParsedFile extends SourceFile {
  readonly references: readonly Reference[]
  readonly functions: readonly ParsedFunction[]
  readonly exports: readonly Exported[]
  readonly hasDefaultExport: boolean
  /** Exports of other files passed on, and nothing else. */
  readonly isBarrel: boolean
  /** The whole file as a tree (ESTree), for rules that look at more than the above. */
  readonly program: Node
  lineAt(offset: number): number
}

/** One function, wherever it stands. */
export interface ParsedFunction {
  /** '' where it has none. */
  readonly name: string
  readonly line: number
  /** Its own lines, without those of the functions inside it. */
  readonly lineCount: number
  /** From its first line to its last, with everything inside. */
  readonly wholeLineCount: number
}

/** One exported declaration. */
export interface Exported {
  readonly name: string
  readonly line: number
  readonly lineLast: number
  /** A type or an interface: nothing of it is there at run time. */
  readonly isType: boolean
  readonly hasDoc: boolean
}

/** A node of the tree; fields beyond these by their names in ESTree. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/**
 * Lines of a function without those of the functions inside it. A factory that returns closures is a class by another
 * name: what must fit on a screen is each of its functions, and what is left of the factory itself.
 */
function ownLineCount(node: Node, lineAt: (at: number) => number): number {
  const lines = (one: Node): number => lineAt(one.end) - lineAt(one.start) + 1
  const inner = [...walk(node)].filter((one) => one !== node && isFunction(one))
  const outermost = inner.filter(
    (one) =>
      !inner.some((other) => other !== one && other.start <= one.start && other.end >= one.end),
  )
  return outermost.reduce((count, one) => count - lines(one) + 1, lines(node))
}

/** Whether it is a function of any spelling. */
export function isFunction(node: Node): boolean {
  return /^(Function(Declaration|Expression)|ArrowFunctionExpression)$/.test(node.type)
}

/** Reads one file. Throws on a syntax error. */
export function parseFile(file: SourceFile): ParsedFile {
  const lang = file.path.endsWith('x') ? 'tsx' : 'ts'
  const program = parseAst(file.text, { lang }) as unknown as Node
  const body = program['body'] as readonly Node[]
  const nodes = [...walk(program)]
  const lineAt = createLineFinder(file.text)
  return {
    ...file,
    references: nodes.flatMap((node) => referenceOf(node, file.path)),
    functions: nodes.filter(isFunction).map((node) => ({
      name: nameOf(node['id']),
      line: lineAt(node.start),
      lineCount: ownLineCount(node, lineAt),
      wholeLineCount: lineAt(node.end) - lineAt(node.start) + 1,
    })),
    exports: body.flatMap((node) => exportsOf(node, file.text, lineAt)),
    hasDefaultExport: body.some((node) => node.type === 'ExportDefaultDeclaration'),
    isBarrel: body.length > 0 && body.every(isPassedOn),
    program,
    lineAt,
  }
}

/** What a declaration binds: a name, or those of a pattern such as `{ a, b: c }`. */
export function namesIn(pattern: unknown): readonly string[] {
  if (!isNode(pattern)) return []
  switch (pattern.type) {
    case 'ObjectPattern':
      return (pattern['properties'] as readonly Node[]).flatMap(namesIn)
    case 'Property':
      return namesIn(pattern['value'])
    case 'RestElement':
      return namesIn(pattern['argument'])
    case 'AssignmentPattern':
      return namesIn(pattern['left'])
    case 'ArrayPattern':
      return (pattern['elements'] as readonly unknown[]).flatMap(namesIn)
    default:
      return [nameOf(pattern)].filter((name) => name !== '')
  }
}

/** The name of an identifier, or ''. */
export function nameOf(node: unknown): string {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : ''
}

function isPassedOn(node: Node): boolean {
  if (node.type === 'ExportAllDeclaration') return true
  return node.type === 'ExportNamedDeclaration' && node['source'] !== null
}

/** The node and everything below it, in order of the text. */
export function* walk(node: Node): Generator<Node> {
  yield node
  for (const child of childrenOf(node)) yield* walk(child)
}

/** The nodes directly below it. */
export function childrenOf(node: Node): readonly Node[] {
  return Object.values(node)
    .flatMap((value): unknown[] => (Array.isArray(value) ? value : [value]))
    .filter(isNode)
}

/** Whether a field of a node is a node itself. */
export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

function referenceOf(node: Node, path: string): readonly Reference[] {
  const source = node['source']
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      if (!isNode(source)) return []
      const kind = isTypeOnly(node) ? 'type' : 'value'
      return [{ kind, target: resolveTarget(path, source), names: takenNames(node) }]
    }
    case 'ImportExpression':
      if (!isNode(source) || source.type !== 'Literal') return []
      return [{ kind: 'value', target: resolveTarget(path, source), names: ['*'] }]
    case 'TSImportType':
      if (!isNode(source)) return []
      return [{ kind: 'type', target: resolveTarget(path, source), names: ['*'] }]
    case 'Literal':
      // `new URL('./thread.ts', import.meta.url)`: every import is counted twice by this, once as what it is.
      return /^\.\.?\/\S+\.tsx?$/.test(String(node['value']))
        ? [{ kind: 'start', target: resolveTarget(path, node), names: [] }]
        : []
    default:
      return []
  }
}

function takenNames(node: Node): readonly string[] {
  if (node.type === 'ExportAllDeclaration') return ['*']
  const field = node.type === 'ImportDeclaration' ? 'imported' : 'local'
  return ((node['specifiers'] ?? []) as readonly Node[]).map((one) => nameOf(one[field]) || '*')
}

function isTypeOnly(node: Node): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true
  const specifiers = (node['specifiers'] ?? []) as readonly Node[]
  const isType = (one: Node) => one['importKind'] === 'type' || one['exportKind'] === 'type'
  return specifiers.length > 0 && specifiers.every(isType)
}

function resolveTarget(path: string, literal: Node): string {
  const written = String(literal['value'])
  return written.startsWith('.') ? normalize(join(dirname(path), written)) : written
}

function exportsOf(
  node: Node,
  text: string,
  lineAt: (offset: number) => number,
): readonly Exported[] {
  const declaration = node['declaration']
  if (node.type !== 'ExportNamedDeclaration' || !isNode(declaration)) return []
  const declarators = (declaration['declarations'] ?? [declaration]) as readonly Node[]
  const name = declarators.flatMap((one) => namesIn(one['id'])).join(', ')
  return [
    {
      name,
      line: lineAt(node.start),
      lineLast: lineAt(node.end),
      isType: /^TS(TypeAlias|Interface)Declaration$/.test(declaration.type),
      hasDoc: endsWithDoc(text.slice(0, node.start)),
    },
  ]
}

/** Whether the text ends with a doc comment. A line for the linter may stand between. */
function endsWithDoc(before: string): boolean {
  const trimmed = before.replace(/(?:\s*\/\/ oxlint-[^\n]*\n)*\s*$/, '')
  return trimmed.endsWith('*/') && trimmed.slice(trimmed.lastIndexOf('/*')).startsWith('/**')
}

function createLineFinder(text: string): (offset: number) => number {
  const starts = [0]
  for (const match of text.matchAll(/\n/g)) starts.push(match.index + 1)
  return (offset) => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }
}
