import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  findCrossings,
  findImpurities,
  findOtherStarters,
  findSlowImports,
  findSupervisorPackages,
  findUpwardTypes,
} from './tidy/bands.ts'
import { findCircles } from './tidy/circles.ts'
import { findPlainMaps } from './tidy/plain-maps.ts'
import {
  findDeadFiles,
  findDefaultsAndBarrels,
  findLongComposes,
  findLongFiles,
  findLongFunctions,
  findLongStarters,
  findStrayTests,
  findUndocumented,
  isForTests,
  isTest,
} from './tidy/shape.ts'
import { parseFile, type ParsedFile, type SourceFile } from './tidy/source.ts'
import { findModuleState } from './tidy/state.ts'
import {
  findBrokenLinks,
  findConsoleCalls,
  findEmptyNames,
  findMachinePaths,
  findReminders,
  findTwinNames,
  findUnknownCommands,
} from './tidy/texts.ts'
import { findTimers } from './tidy/timers.ts'
import { findTestOnlyExports } from './tidy/used.ts'

/** Built and tested before a setting uses them, so that the request path has room for them (docs/decisions/0023-four-nouns.md). */
const SEAMS: readonly string[] = [
  'src/dataplane/client/sub-request.ts is not imported',
  'exports SubRequest, which only tests use',
  // For sources that ask other resolvers.
  'exports encodeMessage, which only tests use',
  // For the completion of queries.
  'exports functionNames, which only tests use',
]

/** The rules of the house. What each of them catches is in tidy/planted*.test.ts. */
const src = parse(read('src/**/*.ts'))
const web = parse(read('web/src/**/*.{ts,tsx}'))
const around = parse(read('{test,scripts,bench}/**/*.ts'))
const code = [...src, ...web, ...around]
const running = src.filter(({ path }) => !isTest(path) && !isForTests(path))
const scripts = read('{bin,scripts,examples}/**/*.{sh,mjs,py}').concat(read('bin/backplane'))
const papers = read('*.md').concat(read('{docs,examples,bench}/**/*.md'))

test('the tree was found', () => {
  assert.ok(src.length > 0 && around.length > 0 && papers.length > 0 && scripts.length > 0)
})

test('code runs only what its band may run', () => none(findCrossings(running)))
test('mechanisms know only mechanisms', () => none(findUpwardTypes(running)))
test('the supervisor runs no package', () => none(findSupervisorPackages(running)))
test('only compose/ starts capabilities', () => none(findOtherStarters(running)))
test('a start loads what it needs', () => none(findSlowImports(running)))
test('mechanisms are pure', () => none(findImpurities(running)))
test('no function is longer than a screen', () => none(findLongFunctions(code)))
test('no file is longer than 400 lines', () => none(findLongFiles([...code, ...scripts])))
test('nothing is dead', () => noneButSeams(findDeadFiles([...src, ...web])))
test('tests stand beside what they test', () => none(findStrayTests(code)))
test('no default export, no barrel', () => none(findDefaultsAndBarrels([...src, ...web])))
test('every export has its doc comment', () => none(findUndocumented(running)))
test('no reminder is left', () => none(findReminders([...code, ...scripts])))
test('nothing prints past the log', () => none(findConsoleCalls(running)))
test('no path of one machine', () => none(findMachinePaths([...code, ...scripts, ...papers])))
test('no import leads back to its own file', () => none(findCircles([...src, ...web])))
test('a module keeps nothing', () => none(findModuleState(src)))
test('timers come from the clock', () => none(findTimers(src)))
test('a starter is a table of contents', () => none(findLongStarters(src)))
test('a process is composed in one short file', () => none(findLongComposes(src)))
test('nothing is exported for tests alone', () =>
  noneButSeams(findTestOnlyExports([...src, ...web], code)))
test('no plain object is a map of foreign names', () =>
  none(findPlainMaps({ root: process.cwd(), configFile: 'tsconfig.json' })))
test('neighbours differ by more than a letter', () =>
  none(findTwinNames(code.map((file) => file.path))))
test('names say something', () => none(findEmptyNames(code.map((file) => file.path))))

test('the papers name only commands and files that exist', () => {
  const { scripts: names } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    scripts: Record<string, string>
  }
  none(papers.flatMap((paper) => findUnknownCommands(paper, Object.keys(names))))
  none(papers.flatMap((paper) => findBrokenLinks(paper, existsSync)))
})

function read(pattern: string): readonly SourceFile[] {
  return globSync(pattern).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
}

function parse(files: readonly SourceFile[]): readonly ParsedFile[] {
  return files.map((file) => parseFile(file))
}

function noneButSeams(problems: readonly string[]): void {
  none(problems.filter((problem) => !SEAMS.some((seam) => problem.includes(seam))))
}

function none(problems: readonly string[]): void {
  assert.deepEqual(problems, [])
}
