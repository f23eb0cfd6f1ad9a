import { isTest, isForTests } from './shape.ts'
import {
  childrenOf,
  isFunction,
  isNode,
  nameOf,
  namesIn,
  walk,
  type Node,
  type ParsedFile,
} from './source.ts'

/** Methods that change the map, set, list or bytes that they are called on. */
const changing =
  /^(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin)$/
/** Instances without a state of their own, and tables that are complete when they are made. */
const stateless =
  /^(?:Map|Set|RegExp|Text(?:En|De)coder|URL|DataView|(?:Big)?(?:Int|Uint|Float)\d+(?:Clamped)?Array)$/
/** Static functions that change their first argument. */
const changingFirst = /^(?:assign|defineProperty|defineProperties|setPrototypeOf)$/

interface ModuleName {
  readonly name: string
  /** Undefined for an import. */
  readonly value: Node | undefined
  readonly line: number
}

/**
 * A module keeps nothing between two calls: two instances of anything can live in one process, and a test begins anew
 * without a reset. State is made by a function and given to whoever needs it. A table that is complete once its file was
 * loaded is no state. An entry point, which is its process or thread, may hold what it started.
 */
export function findModuleState(files: readonly ParsedFile[]): readonly string[] {
  const started = new Set(
    files.flatMap(({ references }) => {
      const imported = references.filter(({ kind }) => kind !== 'start').map(({ target }) => target)
      return references
        .filter(({ kind, target }) => kind === 'start' && !imported.includes(target))
        .map(({ target }) => target)
    }),
  )
  const living = files.filter(({ path }) => !isTest(path) && !isForTests(path))
  const imported = new Set(
    living.flatMap(({ references }) =>
      references.filter(({ kind }) => kind === 'value').map(({ target }) => target),
    ),
  )
  return living.flatMap((file) => {
    const isEntry = started.has(file.path) || !imported.has(file.path)
    const names = moduleNames(file)
    return [
      ...findVariables(file),
      ...(isEntry ? [] : findInstances(file, names)),
      ...findChanges(file, names),
      ...findMutableExports(file),
      ...findStaticState(file),
    ].toSorted((one, other) => lineOf(one) - lineOf(other))
  })
}

function lineOf(problem: string): number {
  return Number(problem.split(':')[1]?.split(' ')[0])
}

function say(file: ParsedFile, node: Node, what: string): string {
  return `${file.path}:${file.lineAt(node.start)} ${what}`
}

function statementsOf(file: ParsedFile): readonly Node[] {
  return (file.program['body'] as readonly Node[]).map((node) =>
    isNode(node['declaration']) ? node['declaration'] : node,
  )
}

function declaratorsOf(node: Node): readonly Node[] {
  return node.type === 'VariableDeclaration' ? (node['declarations'] as readonly Node[]) : []
}

function findVariables(file: ParsedFile): readonly string[] {
  return statementsOf(file)
    .filter((node) => node.type === 'VariableDeclaration' && node['kind'] !== 'const')
    .flatMap((node) => declaratorsOf(node))
    .map((node) => say(file, node, `${nameOf(node['id'])} is a variable of the module`))
}

/** Every name that stands for an object at the top of the module. */
function moduleNames(file: ParsedFile): readonly ModuleName[] {
  return statementsOf(file).flatMap((node): readonly ModuleName[] => {
    if (node.type === 'ImportDeclaration') {
      const source = node['source'] as Node
      if (!String(source['value']).startsWith('.')) return []
      return (node['specifiers'] as readonly Node[]).map((one) => ({
        name: nameOf(one['local']),
        value: undefined,
        line: file.lineAt(one.start),
      }))
    }
    return declaratorsOf(node).flatMap((one) => {
      const value = valueOf(one['init'])
      if (value === undefined) return []
      return [{ name: nameOf(one['id']), value, line: file.lineAt(one.start) }]
    })
  })
}

/** What stands below `as const`, `satisfies X`, `!` and `await`. */
function valueOf(node: unknown): Node | undefined {
  if (!isNode(node)) return undefined
  if (/^TS(As|Satisfies|NonNull|TypeAssertion)\w*$/.test(node.type))
    return valueOf(node['expression'])
  return node.type === 'AwaitExpression' ? valueOf(node['argument']) : node
}

/** `new Cache()` or `openStore()` at the top: an object that may remember. An empty map has no other use than to be filled. */
function findInstances(file: ParsedFile, names: readonly ModuleName[]): readonly string[] {
  return names.flatMap(({ name, value }) => {
    const starter = nameOf(value?.['callee'])
    if (value?.type === 'CallExpression' && /^(?:start|open)[A-Z]/.test(starter)) {
      return [say(file, value, `${name} is started by an import: ${starter}`)]
    }
    if (value?.type !== 'NewExpression') return []
    const callee = nameOf(value['callee'])
    const isMember = isNode(value['callee']) && value['callee'].type === 'MemberExpression'
    const isEmpty = (value['arguments'] as readonly unknown[]).length === 0
    const isFilled = stateless.test(callee) && !(isEmpty && /^(?:Map|Set)$/.test(callee))
    if (isFilled || (isMember && nameOf((value['callee'] as Node)['object']) === 'Intl')) return []
    return [say(file, value, `${name} is an object of the module that can remember: new ${callee}`)]
  })
}

/** Writes, from within a function, to what the module or another module holds. At the top they build a table. */
function findChanges(file: ParsedFile, names: readonly ModuleName[]): readonly string[] {
  const byName = new Map(names.map((one) => [one.name, one]))
  const problems: string[] = []
  visit(file.program, new Set(), false)
  return problems

  function visit(node: Node, hidden: ReadonlySet<string>, isInside: boolean): void {
    const inner = isFunction(node) ? new Set([...hidden, ...localNames(node)]) : hidden
    const isIn = isInside || isFunction(node)
    for (const target of isIn ? changedBy(node, byName) : []) {
      const name = nameOf(rootOf(target))
      if (!byName.has(name) || inner.has(name)) continue
      problems.push(say(file, node, `changes ${name}, which the whole module shares`))
    }
    for (const child of childrenOf(node)) visit(child, inner, isIn)
  }
}

/** What a node changes: the objects whose members it writes, or whose changing methods it calls. */
function changedBy(node: Node, names: ReadonlyMap<string, ModuleName>): readonly Node[] {
  const member = (value: unknown) =>
    isNode(value) && value.type === 'MemberExpression' ? [value] : []
  switch (node.type) {
    case 'AssignmentExpression':
      return member(valueOf(node['left']))
    case 'UpdateExpression':
      return member(valueOf(node['argument']))
    case 'UnaryExpression':
      return node['operator'] === 'delete' ? member(valueOf(node['argument'])) : []
    case 'CallExpression':
      return member(valueOf(node['callee'])).flatMap((callee) => {
        const method = nameOf(callee['property'])
        const [first] = node['arguments'] as readonly Node[]
        if (/^(?:Object|Reflect)$/.test(nameOf(callee['object'])) && changingFirst.test(method)) {
          return first === undefined ? [] : [first]
        }
        if (changing.test(method)) return [callee]
        const held = names.get(nameOf(callee['object']))?.value
        return /^(?:exec|test)$/.test(method) && isStickyPattern(held) ? [callee] : []
      })
    default:
      return []
  }
}

/** With `g` or `y` a pattern remembers, in `lastIndex`, where it stopped. */
function isStickyPattern(value: Node | undefined): boolean {
  const regex = value?.['regex'] as { readonly flags: string } | undefined
  return /[gy]/.test(regex?.flags ?? '')
}

function rootOf(node: Node): Node {
  const below = valueOf(node) ?? node
  return below.type === 'MemberExpression' ? rootOf(below['object'] as Node) : below
}

/** Names that a function declares anywhere in itself, parameters included. */
function localNames(func: Node): readonly string[] {
  return [...walk(func)].flatMap((node) => {
    if (node.type === 'VariableDeclarator') return namesIn(node['id'])
    if (isFunction(node)) {
      return [nameOf(node['id']), ...(node['params'] as readonly Node[]).flatMap(namesIn)]
    }
    return node.type === 'CatchClause' ? namesIn(node['param']) : []
  })
}

/** What another file could change, because no type forbids it. */
function findMutableExports(file: ParsedFile): readonly string[] {
  const exported = (file.program['body'] as readonly Node[])
    .filter((node) => node.type === 'ExportNamedDeclaration')
    .flatMap(({ declaration }) => (isNode(declaration) ? declaratorsOf(declaration) : []))
  return exported.flatMap((node) => {
    const value = valueOf(node['init'])
    const isTable = /^(?:Array|Object)Expression$/.test(value?.type ?? '')
    const isCollection = /^(?:Map|Set|WeakMap|WeakSet)$/.test(nameOf(value?.['callee']))
    if (!isTable && !isCollection) return []
    const written = file.text.slice(node.start, node.end)
    const annotation = isNode(node['id']) ? node['id']['typeAnnotation'] : undefined
    const type = isNode(annotation) ? file.text.slice(annotation.start + 1, annotation.end) : ''
    const isFixed = /\bas const\b[^}\]]*$/.test(written) || /^\s*[Rr]eadonly/.test(type)
    const isNamedType = type !== '' && !/^\s*(?:Array|Map|Set|Record)<|\[\]\s*$/.test(type)
    if (isFixed || isNamedType) return []
    return [say(file, node, `${nameOf(node['id'])} is exported and can be changed by anybody`)]
  })
}

function findStaticState(file: ParsedFile): readonly string[] {
  return [...walk(file.program)]
    .filter((node) => node.type === 'PropertyDefinition' && node['static'] === true)
    .filter((node) => node['readonly'] !== true || valueOf(node['value'])?.type === 'NewExpression')
    .map((node) => say(file, node, 'a static field is a variable of the module'))
}
