/** What telemetry and an engine process say over Node's IPC channel. An engine holds nothing: killed, it costs what it was asked. */

/** How an engine is started: its only argument, JSON. */
export interface EngineOptions {
  /** The only folder that statements may read. */
  readonly folder: string
  /** Where what does not fit into memory is put. */
  readonly spillFolder: string
  readonly memoryBytesMax: number
  readonly spillBytesMax: number
  readonly threads: number
}

export type ToEngine =
  | {
      readonly type: 'query'
      readonly id: number
      /** Run first, on the same connection: views of what may be seen. */
      readonly setup: readonly string[]
      readonly sql: string
      readonly rowsMax: number
      /** A user wrote it: one statement, and only SELECT. */
      readonly isForeign: boolean
    }
  /** The last rows were taken. */
  | { readonly type: 'more'; readonly id: number }
  /** Nobody wants the answer any more. */
  | { readonly type: 'cancel'; readonly id: number }
  /** Statements that write files; answered by `done`. */
  | { readonly type: 'write'; readonly id: number; readonly statements: readonly string[] }

/** A value as JSON has it; whole numbers that do not fit are text. */
export type Cell =
  | string
  | number
  | boolean
  | null
  | readonly Cell[]
  | { readonly [key: string]: Cell }

export type FromEngine =
  | {
      readonly type: 'columns'
      readonly id: number
      readonly names: readonly string[]
      readonly types: readonly string[]
    }
  /** `characters`: how long they are, about. */
  | {
      readonly type: 'rows'
      readonly id: number
      readonly rows: readonly (readonly Cell[])[]
      readonly characters: number
    }
  /** `isCut`: there were more rows than were asked for. */
  | { readonly type: 'done'; readonly id: number; readonly isCut: boolean }
  | {
      readonly type: 'failed'
      readonly id: number
      readonly reason: EngineFailure
      readonly message: string
    }

/** A cell as text; '' for none. */
export function textOfCell(cell: Cell | undefined): string {
  if (cell === undefined || cell === null) return ''
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
}

/** Characters of a cell as JSON, about. */
export function lengthOfCell(cell: Cell): number {
  if (typeof cell === 'string') return cell.length + 2
  if (typeof cell !== 'object' || cell === null) return 8
  let length = 2
  for (const [name, inner] of Object.entries(cell)) length += name.length + lengthOfCell(inner)
  return length
}

/** Why a statement failed. */
export type EngineFailure =
  | 'statement'
  | 'forbidden'
  | 'memory'
  | 'cancelled'
  | 'missing'
  | 'defect'
