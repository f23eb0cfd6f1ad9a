import { relative, resolve } from 'node:path'
import {
  API,
  TypeFlags,
  type Checker,
  type Type,
  type UnionOrIntersectionType,
} from 'typescript/unstable/sync'
import type { FileSystem } from 'typescript/unstable/fs'
import { SyntaxKind, type Node, type SourceFile } from 'typescript/unstable/ast'
import { isForTests, isTest } from './shape.ts'

/** What to read: the files below `root` that `configFile` names. */
export interface TypedSources {
  readonly root: string
  readonly configFile: string
  /** For planted cases: what it does not answer is read from the disk. */
  readonly fs?: FileSystem
}

/** `object[key]` or `key in object`. */
interface Access {
  readonly node: Node
  readonly object: Node
  /** Without parentheses and casts around it: a cast makes no name known. */
  readonly key: Node
  readonly isIn: boolean
  readonly isCast: boolean
}

/**
 * No plain object is a map of foreign names: `table['constructor']` finds what every object inherits, and `__proto__` as a
 * key changes what it inherits. A name that is only known at run time is looked up in a Map, in an object without a prototype
 * (`Object.create(null)`), or after `Object.hasOwn(table, name)` in the same function. Types tell which objects and which keys
 * these are, so the checker of TypeScript is asked. Its interface is not stable yet: the version is pinned, and only this file uses it.
 */
export function findPlainMaps({ root, configFile, fs }: TypedSources): readonly string[] {
  const api = new API({ cwd: root, ...(fs === undefined ? {} : { fs }) })
  try {
    const config = resolve(root, configFile)
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) return [`${configFile} is no project`]
    const { program, checker } = project
    return program.getSourceFileNames().flatMap((name) => {
      const path = relative(root, name)
      if (!path.startsWith('src/') || isTest(path) || isForTests(path)) return []
      const file = program.getSourceFile(name)
      return file === undefined ? [] : findIn(file, path, checker)
    })
  } finally {
    api.close()
  }
}

function findIn(file: SourceFile, path: string, checker: Checker): readonly string[] {
  const accesses = [...walk(file)].flatMap((node) => accessOf(node))
  if (accesses.length === 0) return []
  const objects = checker.getTypeAtLocation(accesses.map(({ object }) => object))
  const keys = checker.getTypeAtLocation(accesses.map(({ key }) => key))
  return accesses.flatMap((access, index) => {
    const key = keys[index]
    const object = objects[index]
    if (key === undefined || object === undefined || !isAnyText(key)) return []
    const isMap = access.isIn || access.isCast || hasNamesOfAnyKind(object, checker)
    if (!isMap || isGuarded(access, file) || hasNoPrototype(access.object, file)) return []
    const line = file.text.slice(0, access.node.getStart(file)).split('\n').length
    const what = access.node.getText(file).replaceAll(/\s+/g, ' ')
    return [`${path}:${line} looks up a name in a plain object: ${what}`]
  })
}

function* walk(node: Node): Generator<Node> {
  yield node
  const children: Node[] = []
  node.forEachChild((child) => void children.push(child))
  for (const child of children) yield* walk(child)
}

function accessOf(node: Node): readonly Access[] {
  if (node.kind === SyntaxKind.ElementAccessExpression) {
    const { expression, argumentExpression } = node as Node & {
      readonly expression: Node
      readonly argumentExpression: Node
    }
    const key = bare(argumentExpression)
    return [{ node, object: expression, key, isIn: false, isCast: key !== argumentExpression }]
  }
  if (node.kind !== SyntaxKind.BinaryExpression) return []
  const { left, operatorToken, right } = node as Node & {
    readonly left: Node
    readonly operatorToken: Node
    readonly right: Node
  }
  if (operatorToken.kind !== SyntaxKind.InKeyword) return []
  return [{ node, object: right, key: bare(left), isIn: true, isCast: false }]
}

function bare(node: Node): Node {
  const isAround =
    node.kind === SyntaxKind.AsExpression || node.kind === SyntaxKind.ParenthesizedExpression
  return isAround ? bare((node as Node & { readonly expression: Node }).expression) : node
}

/** Whether it can be any text: not a literal, not a number, not one of a few. */
function isAnyText(type: Type): boolean {
  if ((type.flags & (TypeFlags.String | TypeFlags.Any | TypeFlags.TypeParameter)) !== 0) return true
  if ((type.flags & TypeFlags.UnionOrIntersection) === 0) return false
  return (type as UnionOrIntersectionType).getTypes().some(isAnyText)
}

/** Whether its type is a map by text: `Record<string, X>`, an index signature. */
function hasNamesOfAnyKind(type: Type, checker: Checker): boolean {
  const here = checker.getNonNullableType(type) ?? type
  return checker.getIndexInfosOfType(here).some(({ keyType }) => isAnyText(keyType))
}

/** `Object.hasOwn(object, key)` with the same words, earlier in the same function. */
function isGuarded({ node, object, key }: Access, file: SourceFile): boolean {
  let scope = node
  while (scope.parent !== undefined && !isFunctionKind(scope.kind)) scope = scope.parent
  const before = file.text.slice(scope.getStart(file), node.getStart(file))
  const guard = `Object.hasOwn(${bare(object).getText(file)},${key.getText(file)})`
  return before.replaceAll(/\s+/g, '').includes(guard.replaceAll(/\s+/g, ''))
}

function isFunctionKind(kind: SyntaxKind): boolean {
  return [
    SyntaxKind.FunctionDeclaration,
    SyntaxKind.FunctionExpression,
    SyntaxKind.ArrowFunction,
    SyntaxKind.MethodDeclaration,
  ].includes(kind)
}

/** A variable of this file that begins as `Object.create(null)`. */
function hasNoPrototype(object: Node, file: SourceFile): boolean {
  if (object.kind !== SyntaxKind.Identifier) return false
  const declaration = new RegExp(
    `\\bconst ${object.getText(file)}\\b[^=]*=[^;\\n]*\\bObject\\.create\\(null\\)`,
  )
  return declaration.test(file.text)
}
