// Takes and gives up the lock of a folder again and again, every other time as if it had been killed; two at a time is the error.
import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lockDataFolder } from '../data-folder-lock.ts'

const [folder, rounds] = process.argv.slice(2)
let taken = 0
while (taken < Number(rounds)) {
  let lock
  try {
    lock = lockDataFolder(folder)
  } catch (error) {
    if (error.code !== 'ERR_PROCESSES_DATA_LOCKED') throw error
    continue
  }
  // Fails when somebody else is in here.
  closeSync(openSync(join(folder, 'busy'), 'wx'))
  taken++
  rmSync(join(folder, 'busy'))
  if (taken % 2 === 0) {
    lock.release()
  } else {
    const draft = join(folder, `dead-${process.pid}`)
    writeFileSync(draft, JSON.stringify({ pid: process.pid, startTime: `${taken}`, bootId: 'x' }))
    renameSync(draft, join(folder, 'lock'))
  }
}
