import { randomUUID } from 'node:crypto'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { Served } from '../served.ts'
import { groupMethods } from './group-methods.ts'
import type { GrpcCall } from './grpc-call.ts'
import type { GrpcMethod } from './grpc-server.ts'
import { writeUuid } from './shared-messages.ts'
import { appendStream, removeStream } from './streams-append.ts'
import { appendBatches } from './streams-batch.ts'
import { readStreams } from './streams-read.ts'
import { appendRecords, appendSession } from './streams-v2.ts'

/** What clients take for the version of the server: that of KurrentDB whose features are served. */
const SERVER_VERSION = '26.1.0'
/** `VNodeState.Leader`. */
const LEADER = 8

const STREAMS = 'event_store.client.streams.Streams'
const STREAMS_V2 = 'kurrentdb.protocol.v2.streams.StreamsService'
const GROUPS = 'event_store.client.persistent_subscriptions.PersistentSubscriptions'
const FEATURES = 'event_store.client.server_features.ServerFeatures'
const GOSSIP = 'event_store.client.gossip.Gossip'

/** Every call that is answered, by its path. */
export function kurrentMethods(served: Served): ReadonlyMap<string, GrpcMethod> {
  const instance = randomUUID()
  const table: readonly (readonly [string, string, GrpcMethod, (readonly string[])?])[] = [
    [STREAMS, 'Read', (call) => readStreams(call, served)],
    [STREAMS, 'Append', (call) => appendStream(call, served)],
    [STREAMS, 'BatchAppend', (call) => appendBatches(call, served)],
    [STREAMS, 'Delete', (call) => removeStream(call, served, false)],
    [STREAMS, 'Tombstone', (call) => removeStream(call, served, true)],
    [STREAMS_V2, 'AppendSession', (call) => appendSession(call, served)],
    [STREAMS_V2, 'AppendRecords', (call) => appendRecords(call, served)],
    [GOSSIP, 'Read', (call) => gossip(call, instance)],
    ...groupMethods(served).map(
      ([name, method]) => [GROUPS, name, method, ['stream', 'all']] as const,
    ),
  ]
  const features = new ProtobufWriter(1_024)
  for (const [service, name, , more = []] of table) {
    features.message(1, (one) => {
      one.text(1, name.toLowerCase()).text(2, service.toLowerCase())
      for (const feature of more) one.text(3, feature)
    })
  }
  const answer = features.text(2, SERVER_VERSION).finish()
  return new Map([
    ...table.map(([service, name, method]) => [`/${service}/${name}`, method] as const),
    [
      `/${FEATURES}/GetSupportedMethods`,
      async (call) => {
        await call.message()
        call.write(answer)
      },
    ],
  ])
}

/** A cluster of one: where the client is connected already. */
async function gossip(call: GrpcCall, instance: string): Promise<void> {
  await call.message()
  const { host, port } = call.localAddress
  const writer = new ProtobufWriter().message(1, (member) => {
    writeUuid(member, 1, instance, 'structured')
    member.uint(3, LEADER).bool(4, true)
    member.message(5, (at) => at.text(1, host.replace(/^::ffff:/, '')).uint(2, port))
  })
  call.write(writer.finish())
}
