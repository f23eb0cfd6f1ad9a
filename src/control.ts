/** The control plane's process. */
import { enableCompileCache } from 'node:module'
import { parseBoot } from './supervisor/boot.ts'

enableCompileCache()
const boot = parseBoot(process.env['BACKPLANE_BOOT'])
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
const { runControl } = await import('./control-plane.ts')
await runControl(boot, process)
