import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { Delivery, NackAction } from '../../subscriptions/groups/group-model.ts'
import type { Group } from '../../subscriptions/groups/group.ts'
import type { Served } from '../served.ts'
import { writeReadEvent } from './event-messages.ts'
import { parseGroup, writeGroupInfo } from './group-messages.ts'
import type { GrpcCall } from './grpc-call.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import type { GrpcMethod } from './grpc-server.ts'
import { optionsOf } from './read-request.ts'
import {
  missing,
  readStreamName,
  readUuid,
  readUuidForm,
  type UuidForm,
} from './shared-messages.ts'

/** Slots that one consumer may have. */
const SLOTS_MAX = 10_000
const ACTIONS: readonly NackAction[] = ['park', 'park', 'retry', 'skip', 'stop']
const EMPTY = new Uint8Array(0)

/** `PersistentSubscriptions`, by the names of its calls. */
export function groupMethods(served: Served): readonly (readonly [string, GrpcMethod])[] {
  const { groups } = served
  return [
    [
      'Create',
      async (call) => {
        await groups.create(parseGroup(await call.message()))
        call.write(EMPTY)
      },
    ],
    [
      'Update',
      async (call) => {
        await groups.update(parseGroup(await call.message()))
        call.write(EMPTY)
      },
    ],
    [
      'Delete',
      async (call) => {
        const { stream, name } = readNamed(await call.message(), { stream: 1, name: 2, all: 3 })
        await groups.delete(stream, name)
        call.write(EMPTY)
      },
    ],
    ['Read', (call) => readGroup(call, served)],
    [
      'GetInfo',
      async (call) => {
        const { stream, name } = readNamed(await call.message(), { stream: 1, all: 2, name: 3 })
        const group = groups.get(stream, name)
        const writer = new ProtobufWriter()
        await writeInfo(writer, group)
        call.write(writer.finish())
      },
    ],
    ['List', (call) => listGroups(call, served)],
    [
      'ReplayParked',
      async (call) => {
        const message = await call.message()
        const { stream, name } = readNamed(message, { name: 1, stream: 2, all: 3 })
        await groups.get(stream, name).replayParked(stopAtOf(message))
        call.write(EMPTY)
      },
    ],
    [
      'RestartSubsystem',
      async (call) => {
        await call.message()
        call.write(EMPTY)
      },
    ],
  ]
}

/** Fields that name a group. */
function readNamed(
  message: Uint8Array,
  fields: { readonly stream: number; readonly name: number; readonly all: number },
): { readonly stream: string; readonly name: string } {
  const options = optionsOf(message)
  let [stream, name] = ['', '']
  while (options.next()) {
    if (options.field === fields.stream) stream = readStreamName(options)
    else if (options.field === fields.name) name = options.text()
    else {
      if (options.field === fields.all) stream = '$all'
      options.skip()
    }
  }
  return { stream, name }
}

/** stop_at = 4: so many of them; Infinity without. */
function stopAtOf(message: Uint8Array): number {
  const options = optionsOf(message)
  let count = Infinity
  while (options.next()) {
    if (options.field === 4) count = options.int64()
    else options.skip()
  }
  return count
}

async function listGroups(call: GrpcCall, { groups }: Served): Promise<void> {
  const options = optionsOf(await call.message())
  let stream = ''
  while (options.next()) {
    if (options.field !== 2) {
      options.skip()
      continue
    }
    const option = options.message()
    while (option.next()) {
      if (option.field === 1) stream = readStreamName(option)
      else {
        stream = '$all'
        option.skip()
      }
    }
  }
  const found = groups.list(stream)
  if (found.length === 0 && stream !== '') {
    throw new GrpcError(CODE.notFound, `There is no group of '${stream}'.`, {
      exception: 'persistent-subscription-does-not-exist',
      'stream-name': stream,
      'group-name': '',
    })
  }
  const writer = new ProtobufWriter()
  for (const group of found) await writeInfo(writer, group)
  call.write(writer.finish())
}

async function writeInfo(writer: ProtobufWriter, group: Group): Promise<void> {
  const view = await group.view()
  writer.message(1, (info) => writeGroupInfo(info, view, view.checkpoint + view.lag))
}

/** `PersistentSubscriptions/Read`: options, then acks and nacks; events the other way. */
async function readGroup(call: GrpcCall, { groups }: Served): Promise<void> {
  const messages = call.messages()
  const first = await messages.next()
  if (first.done === true) throw missing('options')
  const { stream, name, slots, form } = readOptions(first.value)
  const group = groups.get(stream, name)
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {})
  const confirmation = new ProtobufWriter().message(2, (one) => one.text(1, `${stream}::${name}`))
  const backlog: Delivery[] = []
  let isConfirmed = false
  const say = (delivery: Delivery): void => void call.write(encodeDelivery(delivery, form))
  const membership = await group.join({
    name: connectionName(call),
    slots,
    isBehind: () => call.isBehind,
    push: (delivery) => (isConfirmed ? say(delivery) : void backlog.push(delivery)),
    dropped: (reason) => over.reject(droppedError(stream, name, reason)),
  })
  call.write(confirmation.finish())
  isConfirmed = true
  for (const delivery of backlog) say(delivery)
  call.onTaken(() => membership.ready())
  try {
    await Promise.race([over.promise, hearAnswers(messages, membership)])
  } finally {
    membership.leave()
  }
}

async function hearAnswers(
  messages: AsyncIterable<Uint8Array>,
  membership: Awaited<ReturnType<Group['join']>>,
): Promise<void> {
  for await (const message of messages) {
    const reader = new ProtobufReader(message)
    while (reader.next()) {
      if (reader.field !== 2 && reader.field !== 3) {
        reader.skip()
        continue
      }
      const isAck = reader.field === 2
      const { ids, action, reason } = readAnswer(reader.message())
      if (isAck) membership.ack(ids)
      else membership.nack(ids, action, reason)
    }
  }
}

/** ids = 2, action = 3, reason = 4. */
function readAnswer(reader: ProtobufReader) {
  const ids: string[] = []
  let action: NackAction = 'park'
  let reason = ''
  while (reader.next()) {
    if (reader.field === 2) ids.push(readUuid(reader))
    else if (reader.field === 3) action = ACTIONS[reader.uint64()] ?? 'park'
    else if (reader.field === 4) reason = reader.text()
    else reader.skip()
  }
  return { ids, action, reason }
}

/** stream_identifier = 1, group_name = 2, buffer_size = 3, uuid_option = 4, all = 5. */
function readOptions(message: Uint8Array) {
  const options = optionsOf(message)
  let [stream, name] = ['', '']
  let slots = 10
  let form: UuidForm = 'string'
  while (options.next()) {
    if (options.field === 1) stream = readStreamName(options)
    else if (options.field === 2) name = options.text()
    else if (options.field === 3) slots = Math.min(Math.max(options.int64(), 1), SLOTS_MAX)
    else if (options.field === 4) form = readUuidForm(options)
    else {
      if (options.field === 5) stream = '$all'
      options.skip()
    }
  }
  return { stream, name, slots, form }
}

/** event = 1 with the fields of a read, and retry_count = 5. */
function encodeDelivery({ event, link, retryCount }: Delivery, form: UuidForm): Uint8Array {
  const writer = new ProtobufWriter(event.data.length + event.metadata.length + 400)
  writer.message(1, (read) => {
    writeReadEvent(read, { event, link }, form)
    read.uint(5, retryCount)
  })
  return writer.finish()
}

function connectionName(call: GrpcCall): string {
  const said = call.headers['connection-name']
  return typeof said === 'string' && said !== '' ? said.slice(0, 200) : call.remoteAddress
}

function droppedError(stream: string, group: string, reason: string): GrpcError {
  const exception =
    reason === 'deleted'
      ? 'persistent-subscription-does-not-exist'
      : 'persistent-subscription-dropped'
  return new GrpcError(CODE.cancelled, `The group '${group}' of '${stream}': ${reason}.`, {
    exception,
    'stream-name': stream.replaceAll(/[^ -~]/g, '?'),
    'group-name': group.replaceAll(/[^ -~]/g, '?'),
  })
}
