import type { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { EventFilter } from '../../model.ts'
import {
  GROUP_DEFAULTS,
  STRATEGIES,
  type GroupConfig,
  type GroupSettings,
  type GroupView,
  type Strategy,
} from '../../subscriptions/groups/group-model.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import {
  optionsOf,
  placeOf,
  readFilter,
  readPosition,
  readStreamPlace,
  type Place,
} from './read-request.ts'
import { readStreamName } from './shared-messages.ts'

/** 100 ns each. */
const TICKS_PER_MS = 10_000
const CLASSIC_STRATEGIES = ['DispatchToSingle', 'RoundRobin', 'Pinned'] as const

/** `CreateReq` and `UpdateReq`: stream_identifier = 1, group_name = 2, settings = 3, stream = 4, all = 5. */
export function parseGroup(message: Uint8Array): GroupConfig {
  const options = optionsOf(message)
  let [stream, name] = ['', '']
  let place: Place | undefined
  let filter: EventFilter | undefined
  let settings: GroupSettings = GROUP_DEFAULTS
  while (options.next()) {
    if (options.field === 1) stream = readStreamName(options)
    else if (options.field === 2) name = options.text()
    else if (options.field === 3) settings = readSettings(options.message())
    else if (options.field === 4) {
      const said = readStreamPlace(options.message())
      stream = said.stream
      place = said.from
    } else if (options.field === 5) {
      stream = '$all'
      const all = readAll(options.message())
      place = all.place
      filter = all.filter
    } else options.skip()
  }
  const startFrom = place === undefined ? settings.startFrom : place === 'start' ? 0 : place
  return { stream, name, filter, settings: { ...settings, startFrom } }
}

/** `AllOptions`: position = 1, start = 2, end = 3, filter = 4. */
function readAll(reader: ProtobufReader): { place: Place; filter: EventFilter | undefined } {
  let place: Place = 'start'
  let filter: EventFilter | undefined
  while (reader.next()) {
    if (reader.field === 1) place = readPosition(reader.message())
    else if (reader.field === 4) filter = readFilter(reader.message()).filter
    else {
      if (reader.field === 3) place = 'end'
      reader.skip()
    }
  }
  return { place, filter }
}

function readSettings(reader: ProtobufReader): GroupSettings {
  let settings: GroupSettings = { ...GROUP_DEFAULTS, startFrom: 0 }
  let classic: Strategy = 'DispatchToSingle'
  let named = ''
  while (reader.next()) {
    if (reader.field === 16) {
      named = reader.text()
      continue
    }
    const value = reader.int64()
    if (reader.field === 13) classic = CLASSIC_STRATEGIES[value] ?? classic
    else settings = { ...settings, ...settingOf(reader.field, value) }
  }
  return { ...settings, strategy: named === '' ? classic : strategyOf(named) }
}

function settingOf(field: number, value: number): Partial<GroupSettings> {
  switch (field) {
    case 1:
      return { resolveLinks: value === 1 }
    case 2: {
      const place = placeOf(value < 0 ? Number.MAX_VALUE : value)
      return { startFrom: place === 'start' ? 0 : place }
    }
    case 3:
      return { extraStatistics: value === 1 }
    case 4:
      return { messageTimeoutMs: Math.max(Math.round(value / TICKS_PER_MS), 1) }
    case 5:
      return { maxRetryCount: value }
    case 6:
      return { checkpointAfterMs: Math.round(value / TICKS_PER_MS) }
    case 7:
      return { checkpointCountMin: value }
    case 8:
      return { checkpointCountMax: Math.max(value, 1) }
    case 9:
      return { maxSubscriberCount: value }
    case 10:
      return { bufferSize: Math.min(Math.max(value, 1), 10_000) }
    case 11:
      return { readBatchSize: value }
    case 12:
      return { historyBufferSize: value }
    case 14:
      return { messageTimeoutMs: Math.max(value, 1) }
    case 15:
      return { checkpointAfterMs: value }
    default:
      return {}
  }
}

function strategyOf(name: string): Strategy {
  const known = STRATEGIES.find((strategy) => strategy === name)
  if (known !== undefined) return known
  throw new GrpcError(
    CODE.invalidArgument,
    `There is no strategy '${name}'; there are ${STRATEGIES.join(', ')}.`,
  )
}

/** `SubscriptionInfo`. */
export function writeGroupInfo(writer: ProtobufWriter, view: GroupView, end: number): void {
  const { settings, consumers } = view
  const isAll = view.stream === '$all'
  const place = (next: number) =>
    next <= 0 ? '' : isAll ? `C:${next - 1}/P:${next - 1}` : String(next - 1)
  writer.text(1, view.stream).text(2, view.name)
  writer.text(3, view.isReading ? 'Live' : 'NotReady')
  for (const { name, inFlight, slots, handled } of consumers) {
    writer.message(4, (one) =>
      one
        .text(1, name)
        .text(2, 'anonymous')
        .uint(4, handled)
        .uint(5, 0)
        .uint(7, Math.max(slots - inFlight, 0))
        .uint(8, inFlight)
        .text(9, name),
    )
  }
  writer.uint(6, view.handled).text(8, place(view.checkpoint)).text(9, place(end))
  writer.bool(10, settings.resolveLinks)
  writer.text(
    11,
    isAll ? `C:${settings.startFrom}/P:${settings.startFrom}` : String(settings.startFrom),
  )
  writer.uint(12, settings.messageTimeoutMs).bool(13, settings.extraStatistics)
  writer.uint(14, settings.maxRetryCount).uint(15, settings.bufferSize)
  writer.uint(16, settings.historyBufferSize).uint(17, settings.readBatchSize)
  writer.uint(18, settings.checkpointAfterMs).uint(19, settings.checkpointCountMin)
  writer.uint(20, settings.checkpointCountMax).uint(22, view.waiting)
  writer.uint(24, view.inFlight).uint(25, view.inFlight)
  writer.text(26, settings.strategy).uint(27, settings.maxSubscriberCount)
  writer.uint(28, view.parked)
}
