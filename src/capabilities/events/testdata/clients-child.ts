/** A process with a store and clients, that writes down everything it does, until it is killed: `clients-child.ts FILE SEED HISTORY`. */
import { openSync, writeSync } from 'node:fs'
import { systemClock } from '../../../platform/clock.ts'
import { openSqliteEngine } from '../engines/sqlite/sqlite-engine.ts'
import { runClients } from '../testing/clients.ts'

const [file = '', seed = '0', history = ''] = process.argv.slice(2)
const written = openSync(history, 'w')
const engine = await openSqliteEngine({
  file,
  clock: systemClock,
  died: () => process.exit(1),
})
await runClients({
  seed: Number(seed),
  clientCount: 8,
  append: (append) => engine.append(append),
  noted: (record) => {
    // At once, into a file: what a pipe has not taken yet would die with us.
    writeSync(written, `${JSON.stringify(record)}\n`)
    process.stdout.write('.')
  },
  isGoing: () => true,
})
