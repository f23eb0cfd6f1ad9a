/** The identity process: OAuth2, OpenID Connect, accounts. The supervisor starts it with BACKPLANE_BOOT, where the file has `identity`. */
import { composeIdentity } from './compose/identity.ts'
import { systemClock } from './platform/clock.ts'
import { startHeartbeat } from './platform/heartbeat.ts'
import { parseBoot } from './supervisor/boot.ts'

const boot = parseBoot(process.env['BACKPLANE_BOOT'])
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
startHeartbeat(systemClock, process)
const identity = await composeIdentity(boot)
process.on('SIGTERM', () => void identity[Symbol.asyncDispose]().then(() => process.exit(0)))
// Ctrl-C goes to the whole group of the terminal; the supervisor decides the order of the stop.
process.on('SIGINT', () => {})
