import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Scope } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { ChangeWatch } from './change-watch.ts'

test('a service that writes into what it watches is named, and not restarted for ever', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-changes-'))
  let wake = (): void => {}
  let restarts = 0
  // It is quiet at once.
  const clock = {
    ...systemClock,
    after: (_ms: number, call: () => void) => systemClock.after(0, call),
  }
  const scope = {
    clock,
    log: (_level: string, text: string) => {
      if (text.startsWith('not watched')) wake()
    },
    onStop: () => {},
  } as unknown as Scope
  const changes = new ChangeWatch(scope, () => {
    restarts++
    wake()
  })
  t.after(async () => {
    changes.follow([])
    await rm(folder, { recursive: true, force: true })
  })
  const watched = { service: 'shop', folder, paths: ['.'] }
  changes.follow([watched])
  assert.deepEqual(changes.problems(), [])
  for (let i = 0; changes.problems().length === 0; i++) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    await writeFile(join(folder, 'written-by-itself.db'), String(i))
    await woken
  }
  assert.equal(restarts, 12)
  const [problem] = changes.problems()
  assert.equal(problem?.code, 'ERR_PROCESSES_WATCH')
  assert.match(problem?.text ?? '', /restarted 12 times .* written-by-itself\.db/)
  changes.follow([watched])
  assert.equal(changes.problems().length, 1, 'the same again is nothing new')
  changes.follow([{ ...watched, paths: ['src'] }])
  assert.match(changes.problems()[0]?.text ?? '', /there is no .*src/)
})
