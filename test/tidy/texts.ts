import type { SourceFile } from './source.ts'

// The words stand in two parts, so that this file does not find itself.
const reminder = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|')})\\b`)
const machinePath = /(?<![\w.}~:/-])\/(?:work|root|home|Users)\/[\w.]/
const folderNames =
  /(?:^|\/)(?:utils?|helpers?|common|core|managers?|handlers?|base|impl)(?:\/|\.tsx?$)/

/** An open end belongs into an issue, not into the code. */
export function findReminders(files: readonly SourceFile[]): readonly string[] {
  return findLines(files, reminder, 'is a reminder')
}

/** What the program says goes through the log, or through the command line's own output. */
export function findConsoleCalls(files: readonly SourceFile[]): readonly string[] {
  return findLines(files, /\bconsole\.(?:log|error|warn|info|debug)\(/, 'prints past the log')
}

/** Nothing depends on where somebody's checkout lies. */
export function findMachinePaths(files: readonly SourceFile[]): readonly string[] {
  return findLines(files, machinePath, 'names a path of one machine')
}

/** Names that say nothing (STYLE, names). */
export function findEmptyNames(paths: readonly string[]): readonly string[] {
  return paths
    .filter((path) => folderNames.test(path))
    .map((path) => `${path}: a name that says nothing`)
}

/**
 * Two folders, or two files, side by side whose names differ by one letter (`worker/` and `workers/`): nobody remembers which is
 * which. A digit that counts is no such letter.
 */
export function findTwinNames(paths: readonly string[]): readonly string[] {
  const byFolder = new Map<string, Set<string>>()
  for (const path of paths) {
    const parts = path.split('/')
    for (const [depth, part] of parts.entries()) {
      const isFile = depth === parts.length - 1
      const folder = `${parts.slice(0, depth).join('/')}/${isFile ? '*' : ''}`
      const name = isFile ? part.replace(/\..*$/, '') : part
      byFolder.set(folder, (byFolder.get(folder) ?? new Set()).add(name))
    }
  }
  return [...byFolder].flatMap(([folder, found]) => {
    const names = [...found].toSorted()
    return names.flatMap((one, index) =>
      names
        .slice(index + 1)
        .filter((other) => isTwin(one, other))
        .map((other) => `${folder.replace('*', '')}${one} and ${other} differ by one letter`),
    )
  })
}

function isTwin(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  if (short.length < 3 || long.length - short.length > 1) return false
  let at = 0
  while (at < short.length && short[at] === long[at]) at++
  const isCount = /\d/.test(`${short[at] ?? ''}${long[at] ?? ''}`)
  const isRestEqual = short.slice(short.length === long.length ? at + 1 : at) === long.slice(at + 1)
  return isRestEqual && !isCount
}

/** The scripts of package.json that a document tells the reader to run, and that do not exist. */
export function findUnknownCommands(
  document: SourceFile,
  scripts: readonly string[],
): readonly string[] {
  const named = document.text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)
  return [...named]
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((script) => !scripts.includes(script))
    .map(
      (script) => `${document.path} says \`npm run ${script}\`, which package.json does not have`,
    )
}

/** Relative links of a document that lead nowhere. `exists` is asked with a path of the repository. */
export function findBrokenLinks(
  document: SourceFile,
  exists: (path: string) => boolean,
): readonly string[] {
  const folder = document.path.includes('/') ? document.path.replace(/[^/]+$/, '') : ''
  return [...document.text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !exists(folder + target))
    .map((target) => `${document.path} links to ${target}, which is not there`)
}

function findLines(files: readonly SourceFile[], pattern: RegExp, what: string): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${what}`] : [])),
  )
}
