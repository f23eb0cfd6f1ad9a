import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import { EventsError } from '../../errors.ts'
import { APPEND_EVENTS_MAX } from '../../limits.ts'
import type { AppendOutcome, Expected, NewEvent, Violation } from '../../model.ts'
import type { Served } from '../served.ts'
import type { GrpcCall } from './grpc-call.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import { readProposed } from './proposed-event.ts'
import { optionsOf } from './read-request.ts'
import { missing, readExpected, readStreamName, writePosition } from './shared-messages.ts'
import { streamDeleted } from './streams-read.ts'

/** A stream and what it is expected to be. */
export interface Target {
  readonly stream: string
  readonly expected: Expected
}

/** `Streams/Append`: options first, then one message an event. */
export async function appendStream(call: GrpcCall, served: Served): Promise<void> {
  let target: Target | undefined
  const events: NewEvent[] = []
  let bytes = 0
  for await (const message of call.messages()) {
    const reader = new ProtobufReader(message)
    while (reader.next()) {
      if (reader.field === 1) target = readTarget(reader.message())
      else if (reader.field === 2) {
        refuseTooMuch(bytes, events.length + 1, served)
        events.push(readProposed(reader.message()))
      } else reader.skip()
    }
    bytes += message.length
    refuseTooMuch(bytes, events.length, served)
  }
  if (target === undefined) throw missing('options')
  const { stream: name, expected } = target
  const outcome = await served.store.append({
    streams: [{ name, expected }],
    events,
    streamOf: events.map(() => 0),
  })
  call.write(encodeAppended(outcome, target))
}

/** What a client sends is bounded before it is whole. */
export function refuseTooMuch(bytes: number, events: number, { limits }: Served): void {
  const { appendBytesMax } = limits()
  // Ids and types stand beside data and metadata, which the store counts.
  if (bytes <= appendBytesMax + events * 2_048 + 65_536 && events <= APPEND_EVENTS_MAX) return
  throw new EventsError(
    'ERR_EVENTS_TOO_LARGE',
    `An append has at most ${appendBytesMax} bytes (events.limits.append) and ${APPEND_EVENTS_MAX} events.`,
    { bytesMax: appendBytesMax },
  )
}

/** stream_identifier = 1, and the expectation. */
export function readTarget(reader: ProtobufReader): Target {
  let stream = ''
  let expected: Expected = 'any'
  while (reader.next()) {
    if (reader.field === 1) {
      stream = readStreamName(reader)
      continue
    }
    const said = readExpected(reader)
    if (said === undefined) reader.skip()
    else expected = said
  }
  return { stream, expected }
}

/** `Streams/Delete` and `Streams/Tombstone`. */
export async function removeStream(
  call: GrpcCall,
  { store }: Served,
  isForEver: boolean,
): Promise<void> {
  const { stream, expected } = readTarget(optionsOf(await call.message()))
  const outcome = await store.remove({ stream, expected, isForEver })
  if (outcome.kind === 'conflict') throw conflictOf(outcome.violations[0])
  const writer = new ProtobufWriter()
  writePosition(writer, 1, outcome.position)
  call.write(writer.finish())
}

/** An expectation that did not hold, as an error of a call. */
function conflictOf({ stream, expected, actual }: Violation): Error {
  if (actual === 'tombstoned' || (actual === 'deleted' && expected === 'any')) {
    return streamDeleted(stream)
  }
  return new GrpcError(
    CODE.failedPrecondition,
    `The stream '${stream}' was expected to be ${expected}, and is ${actual}.`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream.replaceAll(/[^ -~]/g, '?'),
      'expected-version': String(numberOf(expected)),
      'actual-version': typeof actual === 'number' ? String(actual) : '-1',
    },
  )
}

/** As KurrentDB counts: any -2, no stream -1, exists -4. */
function numberOf(expected: Expected): number {
  switch (expected) {
    case 'any':
      return -2
    case 'none':
      return -1
    case 'exists':
      return -4
    default:
      return expected
  }
}

/** `AppendResp`: success = 1, wrong_expected_version = 2 with the numbers of 20.6.0 and those of today. */
function encodeAppended(outcome: AppendOutcome, { stream }: Target): Uint8Array {
  const writer = new ProtobufWriter()
  if (outcome.kind === 'appended') {
    const [revision = -1] = outcome.revisions
    writer.message(1, (success) => {
      if (revision < 0) success.message(2)
      else success.uint(1, revision)
      if (outcome.position < 0) success.message(4)
      else writePosition(success, 3, outcome.position)
    })
    return writer.finish()
  }
  const [{ actual, expected }] = outcome.violations
  if (actual === 'tombstoned') throw streamDeleted(stream)
  writer.message(2, (wrong) => {
    if (typeof actual === 'number') wrong.uint(1, actual).uint(6, actual)
    else wrong.message(2).message(7)
    if (typeof expected === 'number') wrong.uint(3, expected).uint(8, expected)
    else if (expected === 'any') wrong.message(4).message(9)
    else if (expected === 'exists') wrong.message(5).message(10)
    else wrong.message(11)
  })
  return writer.finish()
}
