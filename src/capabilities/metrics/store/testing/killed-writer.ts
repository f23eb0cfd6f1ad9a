/** Writes to the store in a folder until it is killed, and prints what survives: `node killed-writer.ts FOLDER`. A minute a sample, so that blocks come soon. */
import { dump, named, openIn } from './stores.ts'

const folder = process.argv[2] ?? ''
const store = await openIn(folder, { replayBytesMax: 20_000 })
const before = (await dump(store))['x{n="0"}'] ?? []
let maintaining = Promise.resolve()
for (let index = (before.at(-1)?.[0] ?? -60_000) / 60_000 + 1; ; index++) {
  for (const n of ['0', '1', '2']) {
    store.appendValue(store.seriesOf(named('x', { n })), index * 60_000, index)
  }
  store.appendValue(store.seriesOf(named('short', { at: `${index >> 4}` })), index * 60_000, index)
  await store.commit()
  process.stdout.write(`${index}\n`)
  if (index % 40 === 0) {
    maintaining = maintaining.then(() =>
      store.maintain({ timeMs: 2 ** 50, bytesMax: 0, rules: [] }),
    )
  }
  // Not so far ahead that a kill always comes before the first block.
  if (index % 400 === 0) await maintaining
}
