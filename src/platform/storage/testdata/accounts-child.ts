import { startStorage } from '../storage.ts'
import { accountOpAt, accountTables, writeOp } from './accounts.ts'

/** Writes a sequence without end, 20 at a time, and prints the outcome of each in order. The test kills it. */
const [file = '', seed = '0'] = process.argv.slice(2)
const storage = await startStorage({ file })
await storage.migrate('test', accountTables)
let next = 0
async function write(): Promise<void> {
  for (;;) {
    const n = next++
    process.stdout.write(`${n} ${await writeOp(storage, accountOpAt(Number(seed), n))}\n`)
  }
}
await Promise.all(Array.from({ length: 20 }, write))
