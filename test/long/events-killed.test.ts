import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runKilledRounds } from '../../src/capabilities/events/testing/killed-rounds.ts'

/** Rounds of one file, and files: the whole of a history is compared, which takes its time. */
const ROUNDS = 100
const FILES = 20

test(`events: ${ROUNDS * FILES} times killed with -9 at a random moment, nothing that was acknowledged is lost`, async (t) => {
  for (let file = 0; file < FILES; file++) {
    const folder = mkdtempSync(join(tmpdir(), 'backplane-events-'))
    const seed = Math.floor(Math.random() * 1e6)
    t.diagnostic(`seed ${seed}`)
    const { violations } = await runKilledRounds(join(folder, 'events.sqlite'), seed, ROUNDS)
    assert.deepEqual(violations, [])
    rmSync(folder, { recursive: true, force: true })
  }
})
