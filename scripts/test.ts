/**
 * Runs the tests: `npm test`, or `npm test -- src/mechanisms gateway` for the files whose path contains one of the words.
 * Each file is a process of its own. Those that start the real program, a browser or peers come last and one by one,
 * so that they have the machine for themselves. `npm run test:long` runs those of test/long/, each of which may take half an
 * hour, and nothing else does. With CI=true a skipped test is a failure: there every peer is installed.
 */
import { globSync } from 'node:fs'
import { run } from 'node:test'
import {
  createTotals,
  printFile,
  printSkipped,
  printSummary,
  readFileResult,
  type FileResult,
} from './test-report.ts'

const patterns = ['src/**/*.test.ts', 'test/**/*.test.ts', 'web/src/**/*.test.ts']
const longFolder = 'test/long/'
const serialFolders = ['test/e2e/', 'test/interop/', 'test/console/', 'test/faults/', longFolder]
const parallelMax = 2
const fileTimeoutMs = 90_000
const serialFileTimeoutMs = 300_000
const longFileTimeoutMs = 1_800_000

const startedAt = performance.now()
const isLong = process.argv.includes('--long')
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const files = globSync(patterns)
  .filter((file) => file.startsWith(longFolder) === isLong)
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .toSorted()
if (files.length === 0) {
  const where = isLong ? ` of ${longFolder}` : ''
  const what = words.length === 0 ? '' : ` has ${words.join(' or ')} in its path`
  process.stderr.write(`no test file${where}${what}\n`)
  process.exit(1)
}

const totals = createTotals()
const isSerial = (file: string) => serialFolders.some((folder) => file.startsWith(folder))
await runAll(
  files.filter((file) => !isSerial(file)),
  parallelMax,
  fileTimeoutMs,
)
await runAll(files.filter(isSerial), 1, isLong ? longFileTimeoutMs : serialFileTimeoutMs)

const mustSkipNothing = process.env['CI'] === 'true'
printSkipped(totals, mustSkipNothing)
printSummary(totals, performance.now() - startedAt)
const isBroken = totals.failed + totals.cancelled > 0
process.exitCode = isBroken || (mustSkipNothing && totals.skips.length > 0) ? 1 : 0

/** Works off `queue`, at most `atATime` files together; each result is printed as a whole when its file is done. */
async function runAll(queue: readonly string[], atATime: number, timeoutMs: number): Promise<void> {
  const waiting = [...queue]
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file, timeoutMs)
      totals.add(result)
      printFile(result)
    }
  }
  await Promise.all(Array.from({ length: atATime }, work))
}

/** The signal ends the file's process: a test that hangs, or a file that leaves something running, costs its time and no more. */
async function runFile(file: string, timeoutMs: number): Promise<FileResult> {
  const overdue = new AbortController()
  const timer = setTimeout(() => overdue.abort(), timeoutMs)
  try {
    const events = run({ files: [file], concurrency: false, signal: overdue.signal })
    return await readFileResult(file, events, timeoutMs)
  } finally {
    clearTimeout(timer)
  }
}
