import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { startStorage } from './storage.ts'
import {
  accountOpAt,
  accountTables,
  applyOp,
  readAccounts,
  writeOp,
  type Accounts,
} from './testdata/accounts.ts'

async function open(t: TestContext, file = ':memory:') {
  const storage = await startStorage({ file })
  t.after(() => storage.close())
  await storage.migrate('test', accountTables)
  return storage
}

const insert = (key: number) => ({ sql: 'INSERT INTO accounts VALUES (?, 5, 1)', params: [key] })

test('a write says what each statement has changed, inserted and given back', async (t) => {
  const storage = await open(t)
  const results = await storage.write([
    insert(41),
    { sql: 'UPDATE accounts SET value = value + 1 RETURNING key, value' },
    { sql: 'UPDATE accounts SET value = 0 WHERE key = 7' },
    { sql: 'SELECT count(*) AS count FROM accounts' },
  ])
  assert.deepEqual(
    results.map((one) => ({ ...one, rows: one.rows.map((row) => ({ ...row })) })),
    [
      { changes: 1, lastInsertRowid: 41, rows: [] },
      { changes: 1, lastInsertRowid: 41, rows: [{ key: 41, value: 6 }] },
      { changes: 0, lastInsertRowid: 41, rows: [] },
      { changes: 1, lastInsertRowid: 41, rows: [{ count: 1 }] },
    ],
  )
})

test('a single statement that is found wrong after it has run is undone, too', async (t) => {
  const storage = await open(t)
  const many = `INSERT INTO accounts SELECT value, 5, 1 FROM generate_numbers`
  const numbers = `WITH RECURSIVE generate_numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate_numbers LIMIT 10001)`
  const [tooMany, counted] = await Promise.allSettled([
    storage.write([{ sql: `${numbers} ${many} RETURNING key` }]),
    storage.writeIf([{ ...insert(2), expects: 2 }]),
    storage.write([insert(3)]),
  ])
  assert.equal(tooMany.status, 'rejected')
  assert.match(String(counted.status === 'fulfilled' && counted.value.outcome), /conflict/)
  const rows = await storage.read('SELECT key FROM accounts')
  assert.deepEqual(
    rows.map(({ key }) => key),
    [3],
  )
})

test('a condition that does not hold undoes its write alone, and is an outcome', async (t) => {
  const storage = await open(t)
  const guarded = [insert(1), { sql: 'SELECT 1 FROM accounts WHERE key = 9', expects: 1 }]
  const [first, refused, last, again] = await Promise.all([
    storage.writeIf([insert(2)]),
    storage.writeIf(guarded),
    storage.writeIf([{ sql: 'SELECT 1 FROM accounts WHERE key = 9', expects: 0 }, insert(9)]),
    storage.writeIf([insert(3), insert(2)]),
  ])
  assert.equal(first.outcome, 'committed')
  assert.deepEqual(refused, { outcome: 'conflict', statement: 1, reason: 'count', count: 0 })
  assert.equal(last.outcome, 'committed')
  assert.deepEqual(again, { outcome: 'conflict', statement: 1, reason: 'unique', count: 1 })
  assert.deepEqual(new Set((await readAccounts(storage)).keys()), new Set([2, 9]))
  assert.equal((await storage.writeIf(guarded)).outcome, 'committed', 'now it holds')
  await assert.rejects(storage.writeIf([{ sql: 'INSERT INTO accounts VALUES (8, NULL, 1)' }]), {
    code: 'ERR_STORAGE_STATEMENT',
  })
  await assert.rejects(storage.write([{ ...insert(4), expects: 2 } as { sql: string }]), {
    code: 'ERR_STORAGE_STATEMENT',
  })
})

test('any mix of writes, however they share commits, ends as if they had run one by one', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1_000_000),
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 10 }),
      async (seed, bursts) => {
        const storage = await startStorage({ file: ':memory:' })
        try {
          await storage.migrate('test', accountTables)
          const accounts: Accounts = new Map()
          let n = 0
          for (const burst of bursts) {
            const ops = Array.from({ length: burst }, () => accountOpAt(seed, n++))
            const outcomes = await Promise.all(ops.map((op) => writeOp(storage, op)))
            assert.deepEqual(
              outcomes,
              ops.map((op) => applyOp(accounts, op)),
            )
          }
          assert.deepEqual(sorted(await readAccounts(storage)), sorted(accounts))
        } finally {
          await storage.close()
        }
      },
    ),
    { numRuns: 40 },
  )
  t.diagnostic('40 sequences')
})

test('kill -9 in the middle of conditional writes: what is there is what the model has after some of them, all acknowledged ones among them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-storage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}`)
  const file = join(folder, 'state.db')
  const script = join(import.meta.dirname, 'testdata/accounts-child.ts')
  const child = spawn(process.execPath, [script, file, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const acknowledged: string[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    acknowledged.push(line)
    if (acknowledged.length === 400) child.kill('SIGKILL')
  })
  await Promise.all([once(child, 'exit'), once(lines, 'close')])
  const accounts: Accounts = new Map()
  let n = 0
  for (; n < acknowledged.length; n++) {
    assert.equal(acknowledged[n], `${n} ${applyOp(accounts, accountOpAt(seed, n))}`)
  }
  const stored = sorted(await readAccounts(await open(t, file)))
  // Committed, but not told any more: at most what was on its way.
  const possible = [sorted(accounts)]
  for (let more = 0; more < 40; more++) {
    applyOp(accounts, accountOpAt(seed, n++))
    possible.push(sorted(accounts))
  }
  assert.ok(possible.includes(stored), `seed ${seed}: ${stored}`)
})

function sorted(accounts: Accounts): string {
  return JSON.stringify([...accounts].toSorted(([a], [b]) => a - b))
}
