/**
 * Puts docs/errors.md together from docs/errors/*.md and the errors.md of capabilities, one entry a code, sorted, with a table of
 * contents, and holds it against the code: each code that `src` can show has an entry, and each entry has a code. `--check` writes nothing.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import {
  assembleErrors,
  codesIn,
  compareCodes,
  parseEntries,
  type ErrorEntry,
} from './errors-page.ts'

const target = 'docs/errors.md'
const isCheck = process.argv.includes('--check')

const problems: string[] = []
const entries: ErrorEntry[] = globSync('{docs/errors/*.md,src/capabilities/*/errors.md}')
  .toSorted()
  .flatMap((file) => parseEntries(file, readFileSync(file, 'utf8'), problems))
const sources = globSync('src/**/*.ts').filter((file) => !/\.(test|contract)\.ts$/.test(file))
const used = new Map<string, string>()
for (const file of sources) {
  for (const code of codesIn(readFileSync(file, 'utf8'))) {
    if (!used.has(code)) used.set(code, file)
  }
}
problems.push(...compareCodes(used, entries))

const page = assembleErrors(entries)
const current = existsSync(target) ? readFileSync(target, 'utf8') : ''
if (!isCheck) writeFileSync(target, page)
else if (current !== page) problems.push(`${target} is old: node scripts/errors-docs.ts`)

for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
