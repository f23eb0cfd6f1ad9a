import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { EventFilter } from '../../model.ts'
import {
  isEndNumber,
  missing,
  readStreamName,
  readUuidForm,
  type UuidForm,
} from './shared-messages.ts'

/** Where a read begins: revision or position. */
export type Place = number | 'start' | 'end'

/** `event_store.client.streams.ReadReq`. */
export interface ReadOptions {
  /** `$all` for everything. */
  readonly stream: string
  readonly from: Place
  readonly isBackwards: boolean
  readonly isResolving: boolean
  /** Undefined: a subscription. */
  readonly count: number | undefined
  readonly filter: FilterOptions | undefined
  readonly form: UuidForm
}

/** A filter, and after how many events that were looked at a checkpoint is told. */
export interface FilterOptions {
  readonly filter: EventFilter
  readonly checkpointEvery: number
}

/** Events between two checkpoints where the client says nothing. */
const WINDOW_DEFAULT = 32

/** Throws `GrpcError` and `ProtobufError`. */
export function parseRead(message: Uint8Array): ReadOptions {
  const options = optionsOf(message)
  let place: { readonly stream: string; readonly from: Place } | undefined
  let [isBackwards, isResolving] = [false, false]
  let count: number | undefined
  let filter: FilterOptions | undefined
  let form: UuidForm = 'string'
  while (options.next()) {
    if (options.field === 1) place = readStreamPlace(options.message())
    else if (options.field === 2) place = { stream: '$all', from: readAllPlace(options.message()) }
    else if (options.field === 3) isBackwards = options.uint64() === 1
    else if (options.field === 4) isResolving = options.uint64() === 1
    else if (options.field === 5) count = options.uint64()
    else if (options.field === 7) filter = readFilter(options.message())
    else if (options.field === 9) form = readUuidForm(options)
    else options.skip()
  }
  if (place === undefined) throw missing('stream')
  return { ...place, isBackwards, isResolving, count, filter, form }
}

/** The field `options = 1`, which every request has. */
export function optionsOf(message: Uint8Array): ProtobufReader {
  const reader = new ProtobufReader(message)
  while (reader.next()) {
    if (reader.field === 1) return reader.message()
    reader.skip()
  }
  throw missing('options')
}

/** `StreamOptions`: its stream, and revision, start or end. */
export function readStreamPlace(reader: ProtobufReader): {
  readonly stream: string
  readonly from: Place
} {
  let stream = ''
  let from: Place = 'start'
  while (reader.next()) {
    if (reader.field === 1) stream = readStreamName(reader)
    else if (reader.field === 2) from = placeOf(reader.uint64())
    else {
      if (reader.field === 4) from = 'end'
      reader.skip()
    }
  }
  return { stream, from }
}

/** `AllOptions`: position, start or end. Fields above are left. */
function readAllPlace(reader: ProtobufReader): Place {
  let from: Place = 'start'
  while (reader.next()) {
    if (reader.field === 1) from = readPosition(reader.message())
    else {
      if (reader.field === 3) from = 'end'
      reader.skip()
    }
  }
  return from
}

/** Its commit position. */
export function readPosition(reader: ProtobufReader): Place {
  let from: Place = 'start'
  while (reader.next()) {
    if (reader.field === 1) from = placeOf(reader.uint64())
    else reader.skip()
  }
  return from
}

/** A number of 64 bits that no event of ours has is the end. */
export function placeOf(value: number): Place {
  return isEndNumber(value) ? 'end' : value
}

/** `FilterOptions`. */
export function readFilter(reader: ProtobufReader): FilterOptions {
  let filter: EventFilter = { on: 'stream', prefixes: [], expression: '' }
  let max = WINDOW_DEFAULT
  let multiplier = 1
  while (reader.next()) {
    if (reader.field === 1) filter = { on: 'stream', ...readExpression(reader.message()) }
    else if (reader.field === 2) filter = { on: 'type', ...readExpression(reader.message()) }
    else if (reader.field === 3) max = reader.uint64()
    else if (reader.field === 5) multiplier = reader.uint64()
    else reader.skip()
  }
  const checkpointEvery = Math.min(Math.max(max * multiplier, 1), 1_000_000)
  return { filter, checkpointEvery }
}

function readExpression(reader: ProtobufReader): Pick<EventFilter, 'prefixes' | 'expression'> {
  const prefixes: string[] = []
  let expression = ''
  while (reader.next()) {
    if (reader.field === 1) expression = reader.text()
    else if (reader.field === 2) prefixes.push(reader.text())
    else reader.skip()
  }
  return { prefixes, expression }
}
