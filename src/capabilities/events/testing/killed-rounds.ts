import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../platform/clock.ts'
import { openSqliteEngine } from '../engines/sqlite/sqlite-engine.ts'
import { ALL, readOf } from '../engines/testing/requests.ts'
import { seededRandom } from './clients.ts'
import { checkHistory, type HistoryRecord, type LoggedEvent } from './history.ts'

/** What so many rounds have shown. */
export interface KilledRounds {
  readonly acknowledged: number
  readonly unknown: number
  readonly violations: readonly string[]
}

/** Kills a process that appends, at a random moment of each round, on one file; then compares all that was said with what is there. */
export async function runKilledRounds(
  file: string,
  seed: number,
  rounds: number,
): Promise<KilledRounds> {
  const random = seededRandom(seed)
  const records: HistoryRecord[] = []
  let time = 0
  for (let round = 0; round < rounds; round++) {
    const seen = await runRound(file, seed + round, 1 + Math.floor(random() * 400))
    for (const record of seen) {
      const { ended } = record
      records.push({
        ...record,
        invokedAt: record.invokedAt + time,
        ended: ended === undefined ? undefined : { ...ended, at: ended.at + time },
      })
    }
    time += 1_000_000
  }
  const violations = checkHistory(records, await readLog(file))
  const acknowledged = records.filter(({ ended }) => ended !== undefined).length
  return { acknowledged, unknown: records.length - acknowledged, violations }
}

async function runRound(
  file: string,
  seed: number,
  linesMax: number,
): Promise<readonly HistoryRecord[]> {
  const script = join(import.meta.dirname, '../testdata/clients-child.ts')
  const history = `${file}.history`
  const child = spawn(process.execPath, [script, file, String(seed), history], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let lines = 0
  child.stdout.on('data', (dots: Buffer) => {
    lines += dots.length
    if (lines >= linesMax) child.kill('SIGKILL')
  })
  await once(child, 'exit')
  const seen = new Map<string, HistoryRecord>()
  // The last line may be half.
  for (const line of readFileSync(history, 'utf8').split('\n').slice(0, -1)) {
    const record = JSON.parse(line) as HistoryRecord
    seen.set(`${record.client} ${record.invokedAt}`, record)
  }
  return [...seen.values()]
}

async function readLog(file: string): Promise<readonly LoggedEvent[]> {
  const engine = await openSqliteEngine({
    file,
    clock: systemClock,
    died: (error) => {
      throw error
    },
  })
  const log: LoggedEvent[] = []
  let from = 0
  for (let isEnd = false; !isEnd;) {
    const page = await engine.read(readOf(ALL, { from }))
    log.push(...page.events)
    from = page.next
    isEnd = page.isEnd
  }
  await engine.close()
  return log
}
