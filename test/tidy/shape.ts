import { areaOf } from './bands.ts'
import type { ParsedFile, SourceFile } from './source.ts'

const functionLinesMax = 70
const fileLinesMax = 400
const starterLinesMax = 120
const composeLinesMax = 149

/** Started by a process, a thread, a browser or a tool, and therefore imported by nobody. */
const entryPoints = [
  'src/main.ts',
  'src/control.ts',
  'src/dataplane/data.ts',
  'src/telemetry.ts',
  'src/identity.ts',
  'src/events.ts',
  'web/src/main.tsx',
]

/** A function fits on a screen. */
export function findLongFunctions(files: readonly ParsedFile[]): readonly string[] {
  return files.flatMap((file) =>
    file.functions
      .filter(({ lineCount }) => lineCount > functionLinesMax)
      .map(({ line, lineCount }) => `${file.path}:${line} is a function of ${lineCount} lines`),
  )
}

/** A file has one subject. */
export function findLongFiles(files: readonly SourceFile[]): readonly string[] {
  return files
    .map(({ path, text }) => ({ path, lineCount: text.trimEnd().split('\n').length }))
    .filter(({ lineCount }) => lineCount > fileLinesMax)
    .map(({ path, lineCount }) => `${path} has ${lineCount} lines`)
}

/**
 * A starter is a table of contents: with all that is inside it, closures too, it is read in one go. Starters are the functions
 * called `startX` of a capability, and those that any other file exports under such a name.
 */
export function findLongStarters(files: readonly ParsedFile[]): readonly string[] {
  return files.flatMap((file) => {
    const exported = new Set(file.exports.map(({ name }) => name))
    const isCapability = file.path.startsWith('src/capabilities/')
    return file.functions
      .filter(({ name }) => /^start[A-Z]/.test(name) && (isCapability || exported.has(name)))
      .filter(({ wholeLineCount }) => wholeLineCount > starterLinesMax)
      .map(
        ({ name, line, wholeLineCount }) =>
          `${file.path}:${line} ${name} has ${wholeLineCount} lines with all that is inside it`,
      )
  })
}

/** The files that say what a process is made of are read in five minutes. */
export function findLongComposes(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => /^src\/compose(?:\.ts$|\/)/.test(path) && !isTest(path))
    .map(({ path, text }) => ({ path, lineCount: text.trimEnd().split('\n').length }))
    .filter(({ lineCount }) => lineCount > composeLinesMax)
    .map(
      ({ path, lineCount }) =>
        `${path} has ${lineCount} lines; a process fits in ${composeLinesMax}`,
    )
}

/** What nobody imports is dead. A file that only its own test imports is dead too, unless it is there for tests. */
export function findDeadFiles(files: readonly ParsedFile[]): readonly string[] {
  const living = new Set(entryPoints)
  const used = new Set<string>()
  for (const file of files) {
    for (const { target } of file.references) (isTest(file.path) ? used : living).add(target)
  }
  return files
    .filter(({ path }) => !isTest(path) && !living.has(path))
    .filter(({ path }) => !(isForTests(path) && (used.has(path) || isSpawned(path))))
    .map(({ path }) => `${path} is not imported by anything that runs`)
}

/**
 * Each test stands beside what it tests: `x.test.ts` or `x.<aspect>.test.ts` beside `x.ts`, or, where an area is tested
 * as a whole, a test that uses a file of its own area.
 */
export function findStrayTests(files: readonly ParsedFile[]): readonly string[] {
  const all = new Set(files.map(({ path }) => path))
  return files
    .filter(({ path }) => isTest(path) && /^(src|web\/src)\//.test(path))
    .filter(({ path, references }) => {
      const stem = path.replace(/(\.[\w-]+)?\.test\.tsx?$/, '')
      if (all.has(`${stem}.ts`) || all.has(`${stem}.tsx`)) return false
      const area = areaOf(path)
      const isNear = (target: string) => areaOf(target) === area || target === `src/${area}.ts`
      return !references.some(({ target }) => isNear(target) && !isTest(target))
    })
    .map(({ path }) => `${path} does not stand beside what it tests`)
}

/** A name is exported once, from the file that it lives in. */
export function findDefaultsAndBarrels(files: readonly ParsedFile[]): readonly string[] {
  return files.flatMap((file) => [
    ...(file.hasDefaultExport ? [`${file.path} has a default export`] : []),
    ...(file.isBarrel ? [`${file.path} only passes on what others export`] : []),
  ])
}

/**
 * Every function, class and constant that is exported says what it promises. Declarations that follow each other without
 * an empty line, such as overloads or a column of constants, share what stands before the first one; `createX` is
 * covered by the doc comment of the type `X` in its file. A type speaks by its members; where it does not, a reviewer says so.
 */
export function findUndocumented(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter(({ path }) => !isTest(path))
    .flatMap(({ path, exports }) => {
      let lineShared = 0
      const types = exports.filter(({ isType, hasDoc }) => isType && hasDoc).map(({ name }) => name)
      return exports.flatMap(({ name, line, lineLast, isType, hasDoc }) => {
        const made = name.replace(/^(?:create|start|open)/, '')
        const isCovered = hasDoc || line === lineShared || types.includes(made)
        lineShared = isCovered ? lineLast + 1 : 0
        return isCovered || isType ? [] : [`${path}:${line} exports ${name} without a doc comment`]
      })
    })
}

/** Whether it is a test, by its name. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path)
}

/** Whether it is there only for tests: contract suites, test data, harnesses. */
export function isForTests(path: string): boolean {
  return /\.contract\.ts$|\/testdata\/|^test\/|[./-]testing\b|\/testing\/|\.oracle\.ts$|\.generate\.ts$/.test(
    path,
  )
}

/** Programs that tests start by their path: no import leads to them. */
function isSpawned(path: string): boolean {
  return /\/testdata\/|\/testing\//.test(path)
}
