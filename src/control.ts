/** The control plane's process. */
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from './platform/clock.ts'
import { startHeartbeat } from './platform/heartbeat.ts'
import { startStorage } from './platform/storage/storage.ts'
import { parseBoot } from './supervisor/boot.ts'

const boot = parseBoot(process.env['BACKPLANE_BOOT'])
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
startHeartbeat(systemClock, process)
const stateFile = join(boot.dataDir, 'state.sqlite')
createForOwner(stateFile)
// Its thread opens the file while this one loads the rest.
const storage = startStorage({ file: stateFile })
storage.catch(() => {})
const { runControl } = await import('./control-plane.ts')
await runControl(boot, process, storage)

/** SQLite gives what it adds beside a file the mode of that file; a file of no bytes is an empty database. */
function createForOwner(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch {
    // The storage will say it better.
  }
}
