import { randomUUID } from 'node:crypto'
import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { Append, Expected, NewEvent, StreamHead, Violation } from '../../model.ts'
import type { Served } from '../served.ts'
import { readStruct } from './struct-value.ts'
import type { GrpcCall } from './grpc-call.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import { checkJson } from './proposed-event.ts'
import { bytesOf } from './shared-messages.ts'
import { refuseTooMuch } from './streams-append.ts'

const ERRORS = 'type.googleapis.com/kurrentdb.protocol.v2.streams.errors.'
const JSON_FORMAT = 1
/** As the protocol counts: no stream -1, any -2, exists -4. */
const ANY = -2

interface Record {
  readonly event: NewEvent
  readonly stream: string
}

/** `StreamsService/AppendSession`: one message a stream, all of them or none. */
export async function appendSession(call: GrpcCall, served: Served): Promise<void> {
  const requests: {
    readonly stream: string
    readonly expected: Expected
    readonly events: NewEvent[]
  }[] = []
  const names = new Set<string>()
  let bytes = 0
  let count = 0
  for await (const message of call.messages()) {
    const request = readAppendRequest(message, served)
    if (names.has(request.stream)) {
      throw refusal(
        CODE.aborted,
        `The stream '${request.stream}' is named twice in one session.`,
        'StreamAlreadyInAppendSessionErrorDetails',
        (detail) => detail.text(1, request.stream),
      )
    }
    bytes += message.length
    count += request.events.length
    refuseTooMuch(bytes, count, served)
    names.add(request.stream)
    requests.push(request)
  }
  const append: Append = {
    streams: requests.map(({ stream: name, expected }) => ({ name, expected })),
    events: requests.flatMap(({ events }) => events),
    streamOf: requests.flatMap(({ events }, at) => events.map(() => at)),
  }
  const outcome = await served.store.append(append)
  if (outcome.kind === 'conflict') throw revisionConflict(outcome.violations[0])
  const writer = new ProtobufWriter()
  const first = outcome.position - append.events.length + 1
  for (const [at, { stream }] of requests.entries()) {
    writer.message(1, (one) =>
      one
        .text(1, stream)
        .sint(2, outcome.revisions[at] ?? -1)
        .sint(3, first + append.streamOf.lastIndexOf(at)),
    )
  }
  call.write(writer.sint(2, outcome.position).finish())
}

/** `StreamsService/AppendRecords`: records of any streams in any order, and checks of streams, written or not. */
export async function appendRecords(call: GrpcCall, served: Served): Promise<void> {
  const message = await call.message()
  const { records, checks } = readAppendRecords(message, served)
  refuseTooMuch(message.length, records.length, served)
  if (records.length === 0) throw new GrpcError(CODE.invalidArgument, 'there are no records')
  const streams = checks.map(({ stream: name, expected }) => ({ name, expected }))
  const index = new Map(streams.map(({ name }, at) => [name, at]))
  const streamOf = records.map(({ stream }) => {
    const known = index.get(stream)
    if (known !== undefined) return known
    index.set(stream, streams.length)
    return streams.push({ name: stream, expected: 'any' }) - 1
  })
  const events = records.map(({ event }) => event)
  const outcome = await served.store.append({ streams, events, streamOf })
  if (outcome.kind === 'conflict') throw consistencyViolation(outcome.violations, checks)
  const writer = new ProtobufWriter()
  for (const [at, { name }] of streams.entries()) {
    const revision = outcome.revisions[at] ?? -1
    if (revision >= 0) writer.message(1, (one) => one.text(1, name).sint(2, revision))
  }
  call.write(writer.sint(2, outcome.position).finish())
}

/** stream = 1, records = 2, expected_revision = 3. */
function readAppendRequest(message: Uint8Array, served: Served) {
  const reader = new ProtobufReader(message)
  const events: NewEvent[] = []
  let stream = ''
  let expected = ANY
  while (reader.next()) {
    if (reader.field === 1) stream = reader.text()
    else if (reader.field === 2) {
      refuseTooMuch(0, events.length + 1, served)
      events.push(readRecord(reader.message()).event)
    } else if (reader.field === 3) expected = reader.sint64()
    else reader.skip()
  }
  return { stream, expected: expectedOf(expected), events }
}

/** records = 1, checks = 2 with stream_state = 1 (stream = 1, expected_state = 2). */
function readAppendRecords(message: Uint8Array, served: Served) {
  const reader = new ProtobufReader(message)
  const records: Record[] = []
  const checks: { readonly stream: string; readonly expected: Expected }[] = []
  while (reader.next()) {
    if (reader.field === 1) {
      refuseTooMuch(0, records.length + 1, served)
      records.push(readRecord(reader.message()))
    } else if (reader.field === 2) {
      const check = reader.message()
      while (check.next()) {
        if (check.field === 1) checks.push(readCheck(check.message()))
        else check.skip()
      }
    } else reader.skip()
  }
  return { records, checks }
}

function readCheck(reader: ProtobufReader): {
  readonly stream: string
  readonly expected: Expected
} {
  let stream = ''
  let expected = 0
  while (reader.next()) {
    if (reader.field === 1) stream = reader.text()
    else if (reader.field === 2) expected = reader.sint64()
    else reader.skip()
  }
  return { stream, expected: expectedOf(expected) }
}

/** record_id = 1, properties = 2, schema = 3 (format = 1, name = 2), data = 4, stream = 5. */
function readRecord(reader: ProtobufReader): Record {
  let [id, stream, type] = ['', '', '']
  let isJson = false
  let data: Uint8Array = new Uint8Array(0)
  const properties = new Map<string, unknown>()
  while (reader.next()) {
    if (reader.field === 1) id = reader.text().toLowerCase()
    else if (reader.field === 2) readStruct(reader.message(), properties)
    else if (reader.field === 3) {
      const schema = reader.message()
      while (schema.next()) {
        if (schema.field === 1) isJson = schema.uint64() === JSON_FORMAT
        else if (schema.field === 2) type = schema.text()
        else schema.skip()
      }
    } else if (reader.field === 4) data = bytesOf(reader).slice()
    else if (reader.field === 5) stream = reader.text()
    else reader.skip()
  }
  const metadata =
    properties.size === 0
      ? new Uint8Array(0)
      : Buffer.from(JSON.stringify(Object.fromEntries(properties)))
  const event = { id: id === '' ? randomUUID() : id, type, isJson, data, metadata }
  return { event: checkJson(event), stream }
}

function expectedOf(state: number): Expected {
  switch (state) {
    case -1:
      return 'none'
    case ANY:
      return 'any'
    case -4:
      return 'exists'
    default:
      return state
  }
}

function stateOf(state: Expected | StreamHead): number {
  switch (state) {
    case 'none':
      return -1
    case 'any':
      return ANY
    case 'exists':
      return -4
    case 'deleted':
      return -10
    case 'tombstoned':
      return -100
    default:
      return state
  }
}

function revisionConflict({ stream, expected, actual }: Violation): GrpcError {
  if (actual === 'tombstoned') {
    const message = `The stream '${stream}' is over for ever.`
    const name = 'StreamTombstonedErrorDetails'
    return refusal(CODE.failedPrecondition, message, name, (detail) => detail.text(1, stream))
  }
  return refusal(
    CODE.failedPrecondition,
    `The stream '${stream}' was expected to be ${expected}, and is ${actual}.`,
    'StreamRevisionConflictErrorDetails',
    (detail) =>
      detail
        .text(1, stream)
        .sint(2, stateOf(expected))
        .sint(3, typeof actual === 'number' ? actual : -1),
  )
}

function consistencyViolation(
  violations: readonly Violation[],
  checks: readonly { readonly stream: string }[],
): GrpcError {
  const tombstoned = violations.find(({ actual }) => actual === 'tombstoned')
  const isChecked = (name: string) => checks.some(({ stream }) => stream === name)
  if (tombstoned !== undefined && !isChecked(tombstoned.stream)) return revisionConflict(tombstoned)
  return refusal(
    CODE.failedPrecondition,
    'A stream is not as it was expected to be. Nothing was appended.',
    'AppendConsistencyViolationErrorDetails',
    (detail) => {
      for (const { stream, expected, actual } of violations) {
        const index = checks.findIndex((check) => check.stream === stream)
        detail.message(1, (one) =>
          one
            .uint(1, Math.max(index, 0))
            .message(2, (state) =>
              state.text(1, stream).sint(2, stateOf(expected)).sint(3, stateOf(actual)),
            ),
        )
      }
    },
  )
}

/** An error with `google.rpc.Status` beside it, as version 2 of the protocol tells them. */
function refusal(
  code: number,
  message: string,
  name: string,
  build: (detail: ProtobufWriter) => void,
): GrpcError {
  const detail = new ProtobufWriter()
  build(detail)
  const status = new ProtobufWriter()
    .uint(1, code)
    .text(2, message)
    .message(3, (any) => any.text(1, `${ERRORS}${name}`).bytes(2, detail.finish()))
    .finish()
  const encoded = Buffer.from(status).toString('base64').replaceAll('=', '')
  return new GrpcError(code, message, { 'grpc-status-details-bin': encoded })
}
