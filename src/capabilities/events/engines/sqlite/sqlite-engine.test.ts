import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../../platform/clock.ts'
import { checkEngine } from '../engine.contract.ts'
import { openSqliteEngine } from './sqlite-engine.ts'

checkEngine({
  name: 'sqlite',
  async open(t, now) {
    const folder = mkdtempSync(join(tmpdir(), 'backplane-events-'))
    const clock = { ...systemClock, nowMs: () => now.nowMs }
    const died = (error: Error) => assertAlive(error)
    const engine = await openSqliteEngine({ file: join(folder, 'events.sqlite'), clock, died })
    t.after(async () => {
      await engine.close()
      rmSync(folder, { recursive: true, force: true })
    })
    return engine
  },
})

function assertAlive(error: Error): never {
  throw error
}
