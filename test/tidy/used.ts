import { isForTests, isTest } from './shape.ts'
import { nameOf, walk, type Exported, type ParsedFile } from './source.ts'

/**
 * What nothing but tests uses is dead code that a test keeps alive: it goes, or moves to where tests keep their own. `users`
 * are all files that may import. A limit, an error or a pure leaf that its own file uses may be exported for its test.
 * Contract suites and `testing/` folders are there for tests.
 */
export function findTestOnlyExports(
  files: readonly ParsedFile[],
  users: readonly ParsedFile[],
): readonly string[] {
  const taken = new Set<string>()
  for (const { path, references } of users) {
    if (isTest(path) || isForTests(path)) continue
    for (const { target, names } of references) {
      for (const name of names) taken.add(`${target} ${name}`)
    }
  }
  return files
    .filter(({ path }) => !isTest(path) && !isForTests(path))
    .filter(({ path }) => !taken.has(`${path} *`))
    .flatMap((file) =>
      file.exports
        .flatMap((one) => one.name.split(', ').map((name) => ({ ...one, name })))
        .filter(({ name }) => !taken.has(`${file.path} ${name}`))
        .filter((one) => !isUsedAtHome(file, one))
        .map(({ name, line }) => `${file.path}:${line} exports ${name}, which only tests use`),
    )
}

/** Whether its file names it anywhere but in its own declaration. */
function isUsedAtHome(file: ParsedFile, { name, line, lineLast }: Exported): boolean {
  return [...walk(file.program)].some((node) => {
    const at = file.lineAt(node.start)
    return nameOf(node) === name && (at < line || at > lineLast)
  })
}
