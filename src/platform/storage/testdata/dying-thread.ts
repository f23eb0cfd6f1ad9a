import { startStorage } from '../storage.ts'

/** Stores a row, then asks for more than the thread has memory for. Must never get to its end. */
const storage = await startStorage({ file: process.argv[2] ?? '', heapMbMax: 16 })
await storage.migrate('test', ['CREATE TABLE kept (id INTEGER PRIMARY KEY) STRICT'])
await storage.write([{ sql: 'INSERT INTO kept DEFAULT VALUES' }])
process.stdout.write('stored\n')
await storage
  .read(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15) SELECT printf('%.*c', 1000000, 'x') FROM n",
  )
  .catch(() => {})
process.stdout.write('alive\n')
await storage.close()
