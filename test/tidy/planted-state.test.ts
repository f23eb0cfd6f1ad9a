import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCircles } from './circles.ts'
import { findPlainMaps } from './plain-maps.ts'
import { caught, file, fine } from './plant.ts'
import { findLongComposes, findLongStarters } from './shape.ts'
import { findModuleState } from './state.ts'
import { findTwinNames } from './texts.ts'
import { findTimers } from './timers.ts'
import { findTestOnlyExports } from './used.ts'

test('a circle of imports: the shortest one, values and types alike', () => {
  const files = [
    file('src/a.ts', "import { b } from './b.ts'"),
    file('src/b.ts', "import type { C } from './c.ts'"),
    file('src/c.ts', "import { a } from './a.ts'", "export { d } from './d.ts'"),
    file('src/d.ts', "import { c } from './c.ts'"),
  ]
  assert.deepEqual(findCircles(files), [
    'src/c.ts > src/d.ts > src/c.ts is a circle of imports (4 files hang together)',
  ])
  caught(findCircles([file('src/a.ts', "import { a } from './a.ts'")]))
  fine(findCircles(files.slice(0, 2)))
  // A thread that is started, and whose messages are known, is no circle.
  const thread = file('src/t.ts', "import type { M } from './u.ts'")
  fine(findCircles([thread, file('src/u.ts', "new Worker(new URL('./t.ts', import.meta.url))")]))
})

test('two circles that do not touch are two problems', () => {
  const pair = (one: string, other: string) => [
    file(`src/${one}.ts`, `import './${other}.ts'`),
    file(`src/${other}.ts`, `import './${one}.ts'`),
  ]
  assert.equal(findCircles([...pair('a', 'b'), ...pair('c', 'd')]).length, 2)
})

/** The planted file is imported by another one: an entry point may hold what it started. */
function stateIn(...lines: readonly string[]): readonly string[] {
  return findModuleState([file('src/x.ts', ...lines), file('src/main.ts', "import './x.ts'")])
}

test('a variable of the module, a counter, a cache', () => {
  caught(stateIn('let spare: X | undefined'))
  caught(stateIn('export let count = 0'))
  caught(stateIn('var count = 0'))
  caught(stateIn('const names = new Map<string, string>()'))
  caught(stateIn('const seen = new WeakMap()'))
  caught(stateIn('const fields = new HeadFields()'))
  caught(stateIn('const store = await openStore(file)'))
  caught(stateIn('class A { static count = 0 }'))
  caught(stateIn('class A { static readonly cache = new Map() }'))
  fine(stateIn('function f() { let count = 0; return count }'))
  fine(stateIn('class A { static readonly name = 1; count = 0 }'))
})

test('a constant that the module changes', () => {
  const changes = [
    'list.push(1)',
    'list.inner.push(1)',
    'list[0] = 1',
    'list.a.b = 1',
    'list.count++',
    'delete list.a',
    'Object.assign(list, other)',
    '(list as X).a = 1',
  ]
  for (const change of changes) caught(stateIn('const list = make()', `function f() { ${change} }`))
  caught(stateIn("import { list } from './other.ts'", 'const f = () => list.push(1)'))
  caught(stateIn('const word = /a/g', 'function f(t: string) { return word.exec(t) }'))
  fine(stateIn('const word = /a/', 'function f(t: string) { return word.exec(t) }'))
  fine(stateIn('const list = make()', 'function f() { return list.map(String) }'))
  fine(stateIn('const list = make()', 'function f(list: number[]) { list.push(1) }'))
  fine(stateIn('const list = make()', 'function f() { const list = []; list.push(1) }'))
  fine(stateIn('const list = make()', 'function f({ a: list = 1, ...c }) { list.push(1) }'))
  fine(stateIn('const list = make()', 'function f() { other.list.push(1) }'))
})

test('a table is no state, however it is built', () => {
  fine(stateIn('const IDS = new Map(NAMES)', 'const SIZE = 4', 'const A = { a: 1 }'))
  fine(stateIn('const table = new Uint8Array(256)', 'for (const a of B) table[a] = 1'))
  fine(
    stateIn("const text = new TextEncoder().encode('x')", "const n = new Intl.NumberFormat('en')"),
  )
  fine(stateIn('export const A = { a: 1 } as const', "export const B: readonly string[] = ['x']"))
  fine(stateIn('export const A = { a: 1 } as const satisfies Record<string, number>'))
  fine(stateIn('export const clock: Clock = { now: () => 1 }'))
  caught(stateIn("export const B = ['x']"))
  caught(stateIn("export const B: string[] = ['x']"))
  caught(stateIn('export const A = { a: 1 } satisfies Record<string, number>'))
  caught(stateIn('export const M = new Map(ENTRIES)'))
  fine(stateIn('export const M: ReadonlyMap<string, string> = new Map(ENTRIES)'))
})

test('what an entry point holds, and what tests keep', () => {
  fine(findModuleState([file('src/main.ts', 'const data = new DataProcess()')]))
  caught(findModuleState([file('src/main.ts', 'let count = 0')]))
  fine(findModuleState([file('src/a.test.ts', 'let count = 0')]))
  fine(findModuleState([file('src/testing/a.ts', 'let count = 0')]))
})

test('a timer outside of the clock', () => {
  const timers = [
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'globalThis.setTimeout(f, 1)',
    'socket.setTimeout(5, f)',
    'this.#client.setTimeout(5, f)',
    'AbortSignal.timeout(5)',
    "import { setTimeout as delay } from 'node:timers/promises'",
    "import timers from 'timers'",
  ]
  for (const line of timers) caught(findTimers([file('src/a.ts', line)]))
  fine(findTimers([file('src/platform/clock.ts', 'setTimeout(f, 1)')]))
  fine(findTimers([file('src/a.test.ts', 'setTimeout(f, 1)')]))
  fine(findTimers([file('src/a.ts', 'clock.after(1, f)', "const text = 'setTimeout(f, 1)'")]))
})

test('a long starter, and a long file of compose/', () => {
  const inner = Array.from({ length: 40 }, () => ['function a() {', '  f()', '}']).flat()
  const starter = (lines: readonly string[]) => ['function startX() {', ...lines, '}']
  const path = 'src/capabilities/x/x.ts'
  caught(findLongStarters([file(path, ...starter(inner))]))
  fine(findLongStarters([file(path, ...starter(inner.slice(0, 117)), '')]))
  caught(findLongStarters([file('src/dataplane/x.ts', `export ${starter(inner).join('\n')}`)]))
  fine(findLongStarters([file('src/dataplane/x.ts', ...starter(inner))]))
  fine(findLongStarters([file(path, 'function started() {', ...inner, '}')]))
  caught(findLongComposes([{ path: 'src/compose/control.ts', text: 'x\n'.repeat(150) }]))
  fine(findLongComposes([{ path: 'src/compose/control.ts', text: 'x\n'.repeat(149) }]))
  fine(findLongComposes([{ path: 'src/control.ts', text: 'x\n'.repeat(150) }]))
})

test('an export that only tests use', () => {
  const used = (...users: Parameters<typeof file>[]) => {
    const subject = file('src/a.ts', 'export function f() { return f }')
    return findTestOnlyExports([subject], [subject, ...users.map((one) => file(...one))])
  }
  caught(used(['src/a.test.ts', "import { f } from './a.ts'"]))
  caught(used(['src/x.contract.ts', "import { f } from './a.ts'"]))
  caught(used(['src/b.ts', "import { g } from './a.ts'"]))
  fine(used(['src/b.ts', "import { f as g } from './a.ts'"]))
  fine(used(['src/b.ts', "import * as a from './a.ts'"]))
  fine(used(['src/b.ts', "const a = await import('./a.ts')"]))
  fine(used(['bench/b.ts', "import { f } from '../src/a.ts'"]))
  caught(findTestOnlyExports([file('src/a.ts', 'export const { f } = g')], []))
  const atHome = file('src/a.ts', 'export const MAX = 1', 'f(MAX)')
  fine(findTestOnlyExports([atHome], [atHome]))
  const forTests = file('src/testing/a.ts', 'export const MAX = 1')
  fine(findTestOnlyExports([forTests], [forTests]))
})

/** The planted lines as a program of one file, with the types of the language around it. */
function mapsIn(...lines: readonly string[]): readonly string[] {
  const config = {
    compilerOptions: { lib: ['esnext'], types: [], strict: true },
    files: ['src/a.ts'],
  }
  const texts = new Map([
    ['/planted/tsconfig.json', JSON.stringify(config)],
    ['/planted/src/a.ts', lines.join('\n')],
  ])
  return findPlainMaps({
    root: '/planted',
    configFile: 'tsconfig.json',
    fs: {
      readFile: (path) => texts.get(path),
      fileExists: (path) => texts.has(path) || undefined,
      directoryExists: (path) => path === '/planted' || path === '/planted/src' || undefined,
    },
  })
}

test('a plain object as a map of foreign names', () => {
  const table = 'declare const table: Record<string, number>; declare const key: string'
  assert.deepEqual(mapsIn(table, 'export const a = table[key]'), [
    'src/a.ts:2 looks up a name in a plain object: table[key]',
  ])
  caught(mapsIn('export function f<K extends string>(t: Record<string, 1>, k: K) { return t[k] }'))
  caught(mapsIn('export const f = (o: { t?: Record<string, 1> }, k: string) => o.t?.[k]'))
  caught(mapsIn('export function f(t: Record<string, number>, k: string) { t[k] = 1 }'))
  caught(mapsIn('const t = { a: 1 }', 'export const f = (k: string) => k in t'))
  caught(mapsIn('const t = { a: 1 }', 'export const f = (k: string) => t[k as keyof typeof t]'))
  fine(mapsIn(table, "export const a = table['known']"))
  fine(mapsIn(table, "export const f = (k: 'a' | 'b') => table[k]"))
  fine(mapsIn("export const f = (t: Record<'a' | 'b', 1>, k: 'a' | 'b') => t[k]"))
  fine(mapsIn('export const f = (list: string[], at: number) => list[at]'))
  fine(mapsIn('export const f = (t: Record<number, 1>, k: number) => t[k]'))
  fine(mapsIn("export const f = (error: object) => 'code' in error"))
})

test('what makes a plain object safe to ask', () => {
  fine(
    mapsIn(
      'export function f(table: Record<string, number>, key: string) {',
      '  return Object.hasOwn(table, key) ? table[key] : undefined',
      '}',
    ),
  )
  caught(
    mapsIn(
      'export function f(table: Record<string, number>, key: string, other: string) {',
      '  return Object.hasOwn(table, other) ? table[key] : undefined',
      '}',
    ),
  )
  fine(
    mapsIn(
      'const table: Record<string, number> = Object.create(null)',
      'export const f = (key: string) => table[key]',
    ),
  )
})

test('two neighbours that differ by a letter', () => {
  caught(findTwinNames(['src/worker/a.ts', 'src/workers/b.ts']))
  caught(findTwinNames(['src/x/record.ts', 'src/x/records.ts']))
  caught(findTwinNames(['src/x/tick.ts', 'src/x/pick.ts']))
  fine(findTwinNames(['src/x/version-1.ts', 'src/x/version-2.ts']))
  fine(findTwinNames(['src/worker/a.ts', 'src/threads/b.ts', 'src/worker.ts']))
  fine(findTwinNames(['src/x/a.ts', 'src/x/a.test.ts', 'src/y/as.ts', 'src/record/records.ts']))
})
