/** The control plane's process. */
import { enableCompileCache } from 'node:module'
import type { Boot } from './supervisor/protocol.ts'

enableCompileCache()
const boot = JSON.parse(process.env['BACKPLANE_BOOT'] ?? '{}') as Boot
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
const { runControl } = await import('./control-plane.ts')
await runControl(boot, process)
