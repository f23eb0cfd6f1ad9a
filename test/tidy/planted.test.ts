import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  findCrossings,
  findImpurities,
  findOtherStarters,
  findSlowImports,
  findSupervisorPackages,
  findUpwardTypes,
} from './bands.ts'
import {
  findDeadFiles,
  findDefaultsAndBarrels,
  findLongFiles,
  findLongFunctions,
  findStrayTests,
  findUndocumented,
} from './shape.ts'
import { caught, file, fine } from './plant.ts'
import {
  findBrokenLinks,
  findConsoleCalls,
  findEmptyNames,
  findMachinePaths,
  findReminders,
  findUnknownCommands,
} from './texts.ts'

test('the reader sees every kind of reference', () => {
  const { references } = file(
    'src/x.ts',
    "import { a } from 'package'",
    "import type { B } from './b.ts'",
    "import { type C } from './c.ts'",
    "import './d.ts'",
    "export { e } from './e.ts'",
    "const f = await import('./f.ts')",
    "new Worker(new URL('./g.ts', import.meta.url))",
  )
  const values = references.filter(({ kind }) => kind === 'value').map(({ target }) => target)
  const types = references.filter(({ kind }) => kind === 'type').map(({ target }) => target)
  assert.deepEqual(values, ['package', 'src/d.ts', 'src/e.ts', 'src/f.ts'])
  assert.deepEqual(types, ['src/b.ts', 'src/c.ts'])
  assert.ok(references.some(({ kind, target }) => kind === 'start' && target === 'src/g.ts'))
})

test('a capability that runs another one', () => {
  const other = "'../events/events.ts'"
  const path = 'src/capabilities/orders/orders.ts'
  caught(findCrossings([file(path, `import { append } from ${other}`)]))
  fine(findCrossings([file(path, `import type { Events } from ${other}`)]))
})

test('the platform that runs a capability, and a data plane that runs one', () => {
  const line = "import { a } from '../capabilities/orders/orders.ts'"
  caught(findCrossings([file('src/platform/host.ts', line)]))
  caught(findCrossings([file('src/dataplane/data.ts', line)]))
  fine(findCrossings([file('src/compose/x.ts', "import { a } from '../capabilities/a/a.ts'")]))
})

test('a mechanism that knows the platform', () => {
  const path = 'src/mechanisms/retry/budget.ts'
  caught(findUpwardTypes([file(path, "import type { Clock } from '../../platform/capability.ts'")]))
  fine(findUpwardTypes([file(path, "import { ring } from '../ring/ring.ts'")]))
})

test('a supervisor with a package', () => {
  caught(findSupervisorPackages([file('src/supervisor/x.ts', "import { z } from 'zod'")]))
  fine(
    findSupervisorPackages([
      file('src/supervisor/x.ts', "import { spawn } from 'node:child_process'"),
    ]),
  )
})

test('a second place that starts capabilities', () => {
  const line = "import { startOrders } from './capabilities/orders/orders.ts'"
  caught(findOtherStarters([file('src/control.ts', line)]))
  fine(findOtherStarters([file('src/compose/control.ts', line.replace('./', '../'))]))
  caught(findOtherStarters([file('src/settings.ts', line)]))
  fine(findOtherStarters([file('src/settings.ts', line.replace('orders.ts', 'settings.ts'))]))
})

test('a module that is slow to import', () => {
  caught(findSlowImports([file('src/a.ts', "import { request } from 'node:http'")]))
  fine(findSlowImports([file('src/a.ts', "import type { Server } from 'node:http'")]))
  fine(
    findSlowImports([file('src/a.ts', "import { request } from './platform/http/node-http.ts'")]),
  )
})

test('a mechanism with a clock, chance, a timer or I/O', () => {
  const bad = ['Date.now()', 'new Date()', 'Math.random()', 'performance.now()', 'setTimeout(f, 1)']
  for (const call of bad)
    caught(findImpurities([file('src/mechanisms/a/a.ts', `const x = ${call}`)]))
  caught(findImpurities([file('src/mechanisms/a/a.ts', "import { readFileSync } from 'node:fs'")]))
  fine(
    findImpurities([
      file('src/mechanisms/a/a.ts', '// Date.now() is given, never read', 'new Date(0)'),
    ]),
  )
  fine(findImpurities([file('src/platform/clock.ts', 'Date.now()')]))
})

test('a long function and a long file', () => {
  const body = Array.from({ length: 69 }, () => '  f()')
  caught(findLongFunctions([file('src/a.ts', 'function a() {', ...body, '}')]))
  fine(findLongFunctions([file('src/a.ts', 'function a() {', ...body.slice(1), '}')]))
  const nested = ['function b() {', ...body.slice(1), '}']
  fine(findLongFunctions([file('src/a.ts', 'function a() {', ...nested, ...body.slice(2), '}')]))
  caught(findLongFiles([{ path: 'a.sh', text: 'x\n'.repeat(401) }]))
  fine(findLongFiles([{ path: 'a.sh', text: 'x\n'.repeat(400) }]))
})

test('a file that nobody imports, or only its test', () => {
  const main = file('src/main.ts', "import './a.ts'")
  const living = file('src/a.ts')
  caught(findDeadFiles([main, living, file('src/b.ts')]))
  caught(findDeadFiles([main, living, file('src/b.ts'), file('src/b.test.ts', "import './b.ts'")]))
  const worker = file('src/main.ts', "new URL('./a.ts', import.meta.url)")
  const contract = file('src/a.contract.ts')
  fine(findDeadFiles([worker, living, contract, file('src/a.test.ts', "import './a.contract.ts'")]))
})

test('a test without its subject', () => {
  const subject = file('src/a.ts')
  caught(findStrayTests([subject, file('src/x/b.test.ts', "import '../y/c.ts'")]))
  fine(findStrayTests([subject, file('src/a.test.ts'), file('src/a.faults.test.ts')]))
  fine(
    findStrayTests([
      subject,
      file('src/x/y/all.test.ts', "import '../a.ts'"),
      file('test/e2e/x.test.ts'),
    ]),
  )
})

test('a default export and a barrel', () => {
  caught(findDefaultsAndBarrels([file('src/a.ts', 'export default 1')]))
  caught(findDefaultsAndBarrels([file('src/a.ts', "export * from './b.ts'")]))
  fine(
    findDefaultsAndBarrels([file('src/a.ts', "export { b } from './b.ts'", 'export const a = 1')]),
  )
})

test('an export without a doc comment', () => {
  caught(findUndocumented([file('src/a.ts', '// no doc', 'export const a = 1')]))
  caught(findUndocumented([file('src/a.ts', '/** of b */', 'const b = 1', 'export const a = 1')]))
  fine(findUndocumented([file('src/a.ts', '/** One. */', 'export const a = 1')]))
  fine(
    findUndocumented([file('src/a.ts', '/** Two. */', 'export const a = 1', 'export const b = 2')]),
  )
  caught(
    findUndocumented([
      file('src/a.ts', '/** A. */', 'export const a = 1', '', 'export const b = 2'),
    ]),
  )
  fine(
    findUndocumented([
      file('src/a.ts', '/** F. */', '// oxlint-disable-next-line x', 'export function f() {}'),
    ]),
  )
})

test('a reminder, a print, a path of one machine, an empty name', () => {
  caught(findReminders([{ path: 'a.ts', text: `// ${'TO' + 'DO'}: later` }]))
  fine(findReminders([{ path: 'a.ts', text: 'ℹ todo 0' }]))
  caught(findConsoleCalls([{ path: 'a.ts', text: "console.log('x')" }]))
  fine(findConsoleCalls([{ path: 'a.ts', text: "log('info', 'x')" }]))
  caught(findMachinePaths([{ path: 'a.ts', text: `read('/${'home'}/ada/x')` }]))
  fine(findMachinePaths([{ path: 'a.ts', text: 'https://example.com/home/x and ~/work/x' }]))
  caught(findEmptyNames(['src/utils/a.ts']))
  caught(findEmptyNames(['src/platform/helpers.ts']))
  fine(findEmptyNames(['src/platform/database.ts']))
})

test('a command and a link that do not exist', () => {
  const paper = {
    path: 'docs/a.md',
    text: 'Say `npm run fly`, see [this](b.md) and [that](https://x.y/z).',
  }
  caught(findUnknownCommands(paper, ['start', 'test']))
  fine(findUnknownCommands(paper, ['fly']))
  caught(findBrokenLinks(paper, () => false))
  fine(findBrokenLinks(paper, (path) => path === 'docs/b.md'))
})
