import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { dump, openIn, temporaryFolder } from './testing/stores.ts'

const writer = join(import.meta.dirname, 'testing/killed-writer.ts')

/** Lets a process write, kills it (SIGKILL) some lines and a moment later, and returns the last index that it said was on the disk. */
async function writeAndKill(folder: string, lines: number, turns: number): Promise<number> {
  const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = -1
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (++count !== lines) continue
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, 'exit')
  assert.equal(child.signalCode, 'SIGKILL')
  return last
}

test('kill -9 at random moments, in the midst of logs, checkpoints and blocks, loses nothing that was acknowledged', async (context) => {
  using folder = temporaryFolder()
  const seed = Math.floor(Math.random() * 2 ** 31)
  context.diagnostic(`seed ${seed}`)
  let state = seed
  const random = (max: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 2 ** 31) * max)
  }
  for (let round = 0; round < 8; round++) {
    const last = await writeAndKill(folder.path, 1 + random(500), random(2_000))
    const store = await openIn(folder.path)
    const answer = await dump(store)
    for (const n of ['0', '1', '2']) {
      const samples = answer[`x{n="${n}"}`]!
      assert.ok(samples.length > last, `${samples.length} samples after ${last} was acknowledged`)
      assert.deepEqual(
        samples,
        Array.from(samples, (_, at) => [at * 60_000, at]),
      )
    }
    const short = Object.entries(answer)
      .filter(([name]) => name.startsWith('short'))
      .flatMap(([, samples]) => samples.map(([, value]) => value as number))
      .toSorted((one, other) => one - other)
    assert.deepEqual(
      short.slice(0, last + 1),
      Array.from({ length: last + 1 }, (_, at) => at),
    )
    await store.close()
  }
})
