/** The control plane's process. */
import { join } from 'node:path'
import { startStorage } from './platform/storage/storage.ts'
import { parseBoot } from './supervisor/boot.ts'

const boot = parseBoot(process.env['BACKPLANE_BOOT'])
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
// Its thread opens the file while this one loads the rest.
const storage = startStorage({ file: join(boot.dataDir, 'state.sqlite') })
storage.catch(() => {})
const { runControl } = await import('./control-plane.ts')
await runControl(boot, process, storage)
