import { startStorage } from '../storage.ts'

/** Writes rows without end and prints each one that was acknowledged. The test kills it. */
const storage = await startStorage({ file: process.argv[2] ?? '' })
await storage.migrate('test', ['CREATE TABLE kept (id INTEGER PRIMARY KEY) STRICT'])
let next = 0
async function write(): Promise<void> {
  for (;;) {
    const id = next++
    await storage.write([{ sql: 'INSERT INTO kept (id) VALUES (?)', params: [id] }])
    process.stdout.write(`${id}\n`)
  }
}
await Promise.all(Array.from({ length: 20 }, write))
