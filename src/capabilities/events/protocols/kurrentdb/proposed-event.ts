import { randomUUID } from 'node:crypto'
import type { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { NewEvent } from '../../model.ts'
import { isJsonText } from '../http/event-json.ts'
import { CODE, GrpcError } from './grpc-error.ts'
import { bytesOf, readUuid } from './shared-messages.ts'

const NOTHING = new Uint8Array(0)

/** `ProposedMessage`: id = 1, metadata = 2 (type, content-type), custom_metadata = 3, data = 4. The bytes are copied: they outlive the message. */
export function readProposed(reader: ProtobufReader): NewEvent {
  let [id, type, contentType] = ['', '', '']
  let [data, metadata]: Uint8Array[] = [NOTHING, NOTHING]
  while (reader.next()) {
    if (reader.field === 1) id = readUuid(reader)
    else if (reader.field === 2) {
      const [key, value] = readEntry(reader.message())
      if (key === 'type') type = value
      else if (key === 'content-type') contentType = value
    } else if (reader.field === 3) metadata = bytesOf(reader).slice()
    else if (reader.field === 4) data = bytesOf(reader).slice()
    else reader.skip()
  }
  const isJson = contentType === 'application/json'
  return checkJson({
    id: id === '' ? randomUUID() : id,
    type,
    isJson,
    data: data ?? NOTHING,
    metadata: metadata ?? NOTHING,
  })
}

/** An entry of a map of texts. */
function readEntry(reader: ProtobufReader): readonly [string, string] {
  let [key, value] = ['', '']
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) value = reader.text()
    else reader.skip()
  }
  return [key, value]
}

/** What says it is JSON is JSON: everybody behind us may rely on it. Throws `GrpcError`. */
export function checkJson(event: NewEvent): NewEvent {
  const { isJson, data, type } = event
  if (!isJson || data.length === 0) return event
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8')
  if (isJsonText(text)) return event
  throw new GrpcError(
    CODE.invalidArgument,
    `The data of an event of type '${type}' says it is application/json, and is none.`,
  )
}
