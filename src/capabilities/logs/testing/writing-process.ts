/** Writes lines for ever, and says how many are acknowledged: for tests that kill it. */
import { systemClock } from '../../../platform/clock.ts'
import { SignalsStore } from '../store/store.ts'
import { logRecord } from './records.ts'

const [folder = '', life = ''] = process.argv.slice(2)
const store = await SignalsStore.open({
  folder,
  clock: systemClock,
  log: () => {},
  pendingMax: 1e8,
})
for (let count = 1; ; count++) {
  await store.writeLogs([logRecord({ body: `life ${life} line ${count}` })])
  process.send?.(count)
}
