import { availableParallelism } from 'node:os'
import { systemClock } from '../platform/clock.ts'
import { startHeartbeat } from '../platform/heartbeat.ts'
import { createJsonLog } from '../platform/log.ts'
import type { Boot, FromDataProcess, ToDataProcess } from '../contracts/supervisor.ts'
import { DataProcess } from './data-process.ts'

/** Entry of the data plane's process. The supervisor starts it with BACKPLANE_BOOT and an IPC channel. */
const boot = JSON.parse(process.env['BACKPLANE_BOOT'] ?? 'null') as Boot | null
if (boot === null) throw new Error('BACKPLANE_BOOT is not set: the supervisor starts this file')

const log = createJsonLog(process.stderr, systemClock, 'info')
startHeartbeat(systemClock, process)
// What it logs is for the owner of the data folder, whatever the mode of that folder is.
process.umask(0o077)
const data = new DataProcess({
  socketPath: boot.snapshotSocket,
  dataDir: boot.dataDir,
  recordsSocket: boot.recordsSocket,
  workers: boot.workers === 0 ? availableParallelism() : boot.workers,
  clock: systemClock,
  log,
  listening: () => tell({ type: 'listening' }),
})

function tell(message: FromDataProcess): void {
  if (process.connected) process.send?.(message, () => {})
}

/** Longest time that closing takes after SIGTERM. */
const STOP_MS = 800

function stop(): void {
  systemClock.after(STOP_MS, () => process.exit(0))
  void data.stop().then(() => process.exit(0))
}

process.on('message', (message: ToDataProcess) => {
  void data.drain(message.graceMs).then(() => tell({ type: 'drained' }))
})
// Without its supervisor nobody would ever stop this process.
process.on('disconnect', stop)
process.on('SIGTERM', stop)
// Ctrl-C goes to the whole group of the terminal; the supervisor decides the order of the stop.
process.on('SIGINT', () => {})
