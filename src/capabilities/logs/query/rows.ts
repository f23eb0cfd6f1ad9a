import type { Signal } from '../../../contracts/signals.ts'
import type { Cell } from '../engine/messages.ts'
import { columnNames } from '../store/tables.ts'

/** Columns as a query selects them: times as microseconds. */
export function selectList(signal: Signal): string {
  return columnNames(signal)
    .map((name) => (name === 'time' || name === 'observed' ? `epoch_us(${name}) as ${name}` : name))
    .join(', ')
}

/** A row as an object with the names of its columns: numbers are numbers, attributes and events are JSON. */
export type Row = Readonly<Record<string, unknown>>

const NUMBERS = new Set(['time', 'observed', 'seq', 'severity', 'duration'])
const JSONS = new Set(['attributes', 'events'])

/** Makes objects of what an engine has answered. */
export function rowOf(signal: Signal, cells: readonly Cell[]): Row {
  return Object.fromEntries(
    columnNames(signal).map((name, at) => {
      const cell = cells[at] ?? null
      if (NUMBERS.has(name)) return [name, Number(cell)]
      return [name, JSONS.has(name) ? parsed(cell) : (cell ?? '')]
    }),
  )
}

function parsed(cell: Cell): unknown {
  try {
    return JSON.parse(typeof cell === 'string' ? cell : '{}')
  } catch {
    return {}
  }
}
