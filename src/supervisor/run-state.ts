import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { OwnDown, RunState } from '../contracts/supervisor.ts'
import { readStartTime } from './process-facts.ts'
import { writeAtomically } from './process-records.ts'

/** Keeps `run/state.json`, from the first word of control about its listeners to the end. */
export interface RunStateFile {
  setListen(listen: RunState['listen']): void
  setDown(down: readonly OwnDown[]): void
}

/** Removes the file: one that a killed predecessor left names listeners that are closed. */
export function removeRunState(dataDir: string): void {
  rmSync(pathIn(dataDir), { force: true })
}

/** Writes nothing before the listeners are known. */
export function openRunState(dataDir: string): RunStateFile {
  const { pid } = process
  const startTime = readStartTime(pid)
  let listen: RunState['listen'] | null = null
  let down: readonly OwnDown[] = []

  function write(): void {
    if (listen === null) return
    const state: RunState = { pid, startTime, dataDir, listen, down }
    try {
      writeAtomically(pathIn(dataDir), JSON.stringify(state))
    } catch {
      // A full disk: commands know less. The system itself goes on.
    }
  }

  return {
    setListen(next) {
      listen = next
      write()
    },
    setDown(next) {
      down = next
      write()
    },
  }
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'run', 'state.json')
}
