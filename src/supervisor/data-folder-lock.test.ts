import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  DataFolderForeignError,
  DataFolderLockedError,
  lockDataFolder,
} from './data-folder-lock.ts'
import { makeFolder } from './testdata/specs.ts'

test('the folder is made for its owner alone, and the lock goes when it is released', () => {
  const folder = join(makeFolder(), 'a', 'data')
  const lock = lockDataFolder(folder)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.throws(() => lockDataFolder(folder), DataFolderLockedError)
  lock.release()
  assert.deepEqual(readdirSync(folder), [])
})

test('a folder of somebody else is refused, and neither its mode nor its files change', () => {
  const folder = makeFolder()
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'letter.txt'), 'dear')
  assert.throws(
    () => lockDataFolder(folder),
    (error) =>
      error instanceof DataFolderForeignError &&
      error.code === 'ERR_PROCESSES_DATA_FOREIGN' &&
      error.message.includes(folder) &&
      error.message.includes('letter.txt'),
  )
  assert.equal(statSync(folder).mode & 0o777, 0o755)
  assert.deepEqual(readdirSync(folder), ['letter.txt'])
})

test('an empty folder, a new disk and a folder of a former backplane are taken as they are', () => {
  const before: readonly (readonly string[])[] = [
    [],
    ['lost+found'],
    ['run', 'letter.txt'],
    ['state.sqlite', 'letter.txt'],
    ['lock', 'letter.txt'],
    ['lock.draft-77'],
  ]
  for (const names of before) {
    const folder = makeFolder()
    chmodSync(folder, 0o750)
    for (const name of names) {
      if (name === 'run') mkdirSync(join(folder, name))
      else writeFileSync(join(folder, name), '')
    }
    lockDataFolder(folder).release()
    assert.equal(statSync(folder).mode & 0o777, 0o750, names.join())
  }
})

test('a lock of a process that is gone, or that is damaged, is taken over', () => {
  const folder = makeFolder()
  const path = join(folder, 'lock')
  const stale = [
    JSON.stringify({ pid: process.pid, startTime: 'another', bootId: 'x' }),
    '{"pid":',
    '',
    'null',
  ]
  for (const text of stale) {
    writeFileSync(path, text)
    const lock = lockDataFolder(folder)
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid, process.pid)
    lock.release()
    assert.ok(!existsSync(path))
  }
})

test('a release does not remove the lock of a successor', () => {
  const folder = makeFolder()
  const lock = lockDataFolder(folder)
  const other = JSON.stringify({ pid: 1, startTime: '1', bootId: 'x' })
  writeFileSync(join(folder, 'lock'), other)
  lock.release()
  assert.equal(readFileSync(join(folder, 'lock'), 'utf8'), other)
})

test('of many contenders for a stale lock one has it at a time', { timeout: 30_000 }, async (t) => {
  const folder = makeFolder()
  const program = join(import.meta.dirname, 'testdata', 'lock-contender.mjs')
  const contenders = [1, 2, 3].map(() =>
    spawn(process.execPath, [program, folder, '100'], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  t.after(() => contenders.forEach((one) => one.kill('SIGKILL')))
  const codes = await Promise.all(contenders.map(async (one) => (await once(one, 'exit'))[0]))
  assert.deepEqual(codes, [0, 0, 0])
})
