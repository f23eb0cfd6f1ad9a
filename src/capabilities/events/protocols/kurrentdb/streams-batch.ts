import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import { EventsError } from '../../errors.ts'
import type { AppendOutcome, NewEvent, Violation } from '../../model.ts'
import type { Served } from '../served.ts'
import type { GrpcCall } from './grpc-call.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import { grpcErrorOf } from './grpc-server.ts'
import { readProposed } from './proposed-event.ts'
import { readUuid, writePosition, writeStreamName, writeUuid } from './shared-messages.ts'
import { readTarget, refuseTooMuch, type Target } from './streams-append.ts'

/** Appends of one call that are not complete yet. */
const OPEN_BATCHES_MAX = 1_000
/** Bytes of all of them together. */
const OPEN_BYTES_MAX = 64 * 1024 * 1024
/** Appends of one call that wait for their answer; the call is not read on before one has it. */
const ANSWERS_MAX = 2_000

interface Batch {
  target: Target | undefined
  readonly events: NewEvent[]
  bytes: number
  /** Why it cannot be stored, once that is known. */
  refusal: unknown
}

/** `Streams/BatchAppend`: one long call with many appends, told apart by their correlation id; an error is an answer. */
export async function appendBatches(call: GrpcCall, served: Served): Promise<void> {
  const open = new Map<string, Batch>()
  const answers = new Set<Promise<void>>()
  let openBytes = 0
  for await (const message of call.messages()) {
    const { id, isFinal } = takePart(message, open, served)
    openBytes += message.length
    const batch = open.get(id)
    if (batch === undefined) continue
    if (!isFinal) {
      if (open.size <= OPEN_BATCHES_MAX && openBytes <= OPEN_BYTES_MAX) continue
      throw new GrpcError(CODE.resourceExhausted, 'too many appends of this call are incomplete')
    }
    open.delete(id)
    openBytes -= batch.bytes
    const answer = finish(batch, served)
      .then((bytes) => call.send(encodeAnswer(id, batch.target, bytes)))
      .finally(() => answers.delete(answer))
    answers.add(answer)
    if (answers.size >= ANSWERS_MAX) await Promise.race(answers)
  }
  await Promise.all(answers)
}

/** correlation_id = 1, options = 2, proposed_messages = 3, is_final = 4. */
function takePart(
  message: Uint8Array,
  open: Map<string, Batch>,
  served: Served,
): { readonly id: string; readonly isFinal: boolean } {
  const reader = new ProtobufReader(message)
  let [id, isFinal] = ['', false]
  let target: Target | undefined
  const events: NewEvent[] = []
  let refusal: unknown
  while (reader.next()) {
    if (reader.field === 1) id = readUuid(reader)
    else if (reader.field === 2) target = readTarget(reader.message())
    else if (reader.field === 3) {
      const proposed = reader.message()
      // Empty ones have two bytes each: a message of millions of them is not made into objects.
      if (refusal !== undefined) continue
      try {
        refuseTooMuch(0, events.length + 1, served)
        events.push(readProposed(proposed))
      } catch (error) {
        if (!(error instanceof GrpcError || error instanceof EventsError)) throw error
        refusal = error
      }
    } else if (reader.field === 4) isFinal = reader.uint64() === 1
    else reader.skip()
  }
  const batch = open.get(id) ?? { target: undefined, events: [], bytes: 0, refusal: undefined }
  open.set(id, batch)
  batch.target ??= target
  batch.bytes += message.length
  batch.refusal ??= refusal
  batch.events.push(...events)
  try {
    refuseTooMuch(batch.bytes, batch.events.length, served)
  } catch (error) {
    batch.refusal ??= error
    batch.events.length = 0
  }
  return { id, isFinal }
}

async function finish(
  { target, events, refusal }: Batch,
  { store, log }: Served,
): Promise<AppendOutcome | GrpcStatus> {
  try {
    if (refusal !== undefined) throw refusal
    if (target === undefined) throw new GrpcError(CODE.invalidArgument, 'there are no options')
    return await store.append({
      streams: [{ name: target.stream, expected: target.expected }],
      events,
      streamOf: events.map(() => 0),
    })
  } catch (error) {
    const told = grpcErrorOf(error)
    if (told.status === CODE.internal) log('error', 'a batch cannot be appended', { error })
    const detail =
      error instanceof EventsError && error.code === 'ERR_EVENTS_TOO_LARGE'
        ? tooLarge(Number(error.fields['bytesMax'] ?? 0))
        : { type: 'Unknown', value: new Uint8Array(0) }
    return { kind: 'status', code: told.status, message: told.message, detail }
  }
}

/** `google.rpc.Status` as this protocol has it: with one detail. */
interface GrpcStatus {
  readonly kind: 'status'
  readonly code: number
  readonly message: string
  readonly detail: { readonly type: string; readonly value: Uint8Array }
}

function encodeAnswer(
  id: string,
  target: Target | undefined,
  outcome: AppendOutcome | GrpcStatus,
): Uint8Array {
  const writer = new ProtobufWriter()
  writeUuid(writer, 1, id, 'string')
  if (outcome.kind === 'appended') {
    const [revision = -1] = outcome.revisions
    writer.message(3, (success) => {
      if (revision < 0) success.message(2)
      else success.uint(1, revision)
      if (outcome.position < 0) success.message(4)
      else writePosition(success, 3, outcome.position)
    })
  } else {
    const status = outcome.kind === 'status' ? outcome : statusOf(outcome.violations[0])
    writer.message(2, (error) => {
      error.uint(1, status.code).text(2, status.message)
      error.message(3, (any) =>
        any
          .text(1, `type.googleapis.com/event_store.client.${status.detail.type}`)
          .bytes(2, status.detail.value),
      )
    })
  }
  if (target !== undefined) {
    writeStreamName(writer, 4, target.stream)
    if (typeof target.expected === 'number') writer.uint(5, target.expected)
    else writer.message({ none: 6, any: 7, exists: 8 }[target.expected])
  }
  return writer.finish()
}

function statusOf({ stream, expected, actual }: Violation): GrpcStatus {
  const detail = new ProtobufWriter()
  if (actual === 'tombstoned') {
    writeStreamName(detail, 1, stream)
    return {
      kind: 'status',
      code: CODE.failedPrecondition,
      message: `The stream '${stream}' is deleted.`,
      detail: { type: 'StreamDeleted', value: detail.finish() },
    }
  }
  if (typeof actual === 'number') detail.uint(1, actual)
  else detail.message(2)
  if (typeof expected === 'number') detail.uint(3, expected)
  else detail.message({ any: 4, exists: 5, none: 6 }[expected])
  return {
    kind: 'status',
    code: CODE.alreadyExists,
    message: `The stream '${stream}' was expected to be ${expected}, and is ${actual}.`,
    detail: { type: 'WrongExpectedVersion', value: detail.finish() },
  }
}

function tooLarge(bytesMax: number): GrpcStatus['detail'] {
  const value = new ProtobufWriter().uint(1, bytesMax).finish()
  return { type: 'MaximumAppendSizeExceeded', value }
}
