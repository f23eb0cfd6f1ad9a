/** The events process: the event store and who follows it. The supervisor starts it with BACKPLANE_BOOT, where the file has `events`. */
import { composeEvents } from './compose/events.ts'
import { systemClock } from './platform/clock.ts'
import { startHeartbeat } from './platform/heartbeat.ts'
import { parseBoot } from './supervisor/boot.ts'

const boot = parseBoot(process.env['BACKPLANE_BOOT'])
delete process.env['BACKPLANE_BOOT']
// Without a supervisor there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
startHeartbeat(systemClock, process)
const events = await composeEvents(boot)
process.on('SIGTERM', () => void events[Symbol.asyncDispose]().then(() => process.exit(0)))
// Ctrl-C goes to the whole group of the terminal; the supervisor decides the order of the stop.
process.on('SIGINT', () => {})
