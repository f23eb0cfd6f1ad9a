/** What the test runner's events say, in short: a line a file, failures in full, skipped tests loudly, totals as Node prints them. */
import { inspect } from 'node:util'
import type { TestsStream } from 'node:test'

const outputCharsMax = 64 * 1024

interface Failure {
  readonly name: string
  readonly at: string
  readonly error: unknown
}

interface Skip {
  readonly file: string
  readonly name: string
  readonly reason: string
}

type CountName = 'tests' | 'suites' | 'passed' | 'failed' | 'cancelled' | 'skipped' | 'todo'
type Counts = Record<CountName, number>

/** One file's tests, after its process has ended. */
export interface FileResult {
  readonly file: string
  readonly durationMs: number
  readonly counts: Readonly<Counts>
  readonly failures: readonly Failure[]
  readonly skips: readonly Skip[]
  /** What the tests printed, cut at its front. Shown only beside a failure. */
  readonly output: string
}

/** Sums over all files. */
export interface Totals extends Counts {
  readonly skips: Skip[]
  add(result: FileResult): void
}

/** Sums that begin at nothing. */
export function createTotals(): Totals {
  const totals: Totals = {
    ...noCounts(),
    skips: [],
    add(result) {
      for (const name of Object.keys(result.counts) as CountName[])
        totals[name] += result.counts[name]
      totals.skips.push(...result.skips)
    },
  }
  return totals
}

/** Reads the events of one file to their end. `timeoutMs` is named in the failure of a file that was ended for it. */
export async function readFileResult(
  file: string,
  events: TestsStream,
  timeoutMs: number,
): Promise<FileResult> {
  const failures: Failure[] = []
  const skips: Skip[] = []
  let counts = noCounts()
  let durationMs = 0
  let output = ''
  for await (const event of events) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      output = (output + event.data.message).slice(-outputCharsMax)
    } else if (event.type === 'test:fail') {
      const failure = failureOf(event.data, timeoutMs)
      if (failure !== undefined) failures.push(failure)
    } else if (event.type === 'test:pass' && event.data.skip !== undefined) {
      const reason = typeof event.data.skip === 'string' ? event.data.skip : 'no reason given'
      skips.push({ file, name: event.data.name, reason })
    } else if (event.type === 'test:summary' && event.data.file === undefined) {
      counts = pickCounts(event.data.counts)
      durationMs = event.data.duration_ms
    }
  }
  return { file, durationMs, counts, failures, skips, output }
}

/** One line; with failures, each with its error and what the file printed. */
export function printFile(result: FileResult): void {
  const { file, counts, durationMs, failures, skips, output } = result
  const isGood = counts.failed + counts.cancelled === 0
  const skipped = skips.length === 0 ? '' : `, ${skips.length} skipped`
  const seconds = (durationMs / 1_000).toFixed(1)
  print(`${isGood ? '✔' : '✖'} ${file} (${counts.tests} tests${skipped}, ${seconds} s)`)
  if (isGood) return
  for (const { name, at, error } of failures) {
    print(`  ✖ ${name}\n    at ${at}\n${indent(textOf(error), 4)}`)
  }
  if (output.trim() !== '') print(`  printed by ${file}:\n${indent(output.trimEnd(), 4)}`)
}

/** Names each skipped test and what it lacks, in a frame that nobody overlooks. Silent when there is none. */
export function printSkipped(totals: Totals, isFailure: boolean): void {
  if (totals.skips.length === 0) return
  const bar = '='.repeat(100)
  print(`\n${bar}\nSKIPPED: ${totals.skips.length} tests did NOT run`)
  const byReason = Map.groupBy(totals.skips, (skip) => skip.reason)
  for (const [reason, skips] of byReason) {
    print(`  ${reason}`)
    for (const { file, name } of skips) print(`    ${file}: ${name}`)
  }
  const verdict = isFailure ? 'With CI=true this is a failure.' : 'With CI=true this would fail.'
  print(`\`npm run peers\` installs the programs that tests compare with. ${verdict}\n${bar}`)
}

/** The closing lines of Node's own reporter, over all files. */
export function printSummary(totals: Totals, durationMs: number): void {
  const lines = [
    ['tests', totals.tests],
    ['suites', totals.suites],
    ['pass', totals.passed],
    ['fail', totals.failed],
    ['cancelled', totals.cancelled],
    ['skipped', totals.skipped],
    ['todo', totals.todo],
    ['duration_ms', durationMs],
  ]
  print(lines.map(([name, value]) => `ℹ ${name} ${value}`).join('\n'))
}

interface FailedTest {
  readonly name: string
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly details: { readonly error: Error & { failureType?: string; cause?: unknown } }
}

/** A parent whose subtest failed says nothing of its own. */
function failureOf(test: FailedTest, timeoutMs: number): Failure | undefined {
  const { error } = test.details
  if (error.failureType === 'subtestsFailed') return undefined
  const at = `${test.file ?? '?'}:${test.line ?? 0}`
  if (error.failureType === 'testAborted') {
    const text = `ended after ${timeoutMs} ms: a test hangs, or the file leaves something running`
    return { name: test.name, at, error: text }
  }
  return { name: test.name, at, error: error.cause ?? error }
}

function pickCounts(counts: Counts): Counts {
  const { tests, suites, passed, failed, cancelled, skipped, todo } = counts
  return { tests, suites, passed, failed, cancelled, skipped, todo }
}

function noCounts(): Counts {
  return { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 }
}

function textOf(error: unknown): string {
  return typeof error === 'string' ? error : inspect(error, { depth: 6, breakLength: 120 })
}

function indent(text: string, width: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(width))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
