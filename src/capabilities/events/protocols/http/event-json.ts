import { METADATA_TYPE, type StoredEvent } from '../../model.ts'

/** An event as JSON text. Data that says it is JSON was checked when it came in and goes out as it is: numbers keep their digits. */
export function eventJson(event: StoredEvent): string {
  const { position, stream, revision, id, type, atUs } = event
  const head = JSON.stringify({
    position,
    stream,
    revision,
    id,
    type,
    at: new Date(atUs / 1_000).toISOString(),
  })
  return `${head.slice(0, -1)},${dataJson(event)}${metadataJson(event)}}`
}

function dataJson({ isJson, data, type }: StoredEvent): string {
  if (data.length === 0) return '"data":null'
  // Metadata of a stream may have come without saying that it is JSON, and anything may have come as such.
  if (isJson || (type === METADATA_TYPE && isJsonText(textOf(data)))) {
    return `"data":${textOf(data)}`
  }
  return `"dataBase64":"${Buffer.from(data).toString('base64')}"`
}

/** Metadata of other clients may be anything. */
function metadataJson({ metadata }: StoredEvent): string {
  if (metadata.length === 0) return ''
  const text = textOf(metadata)
  return isJsonText(text)
    ? `,"metadata":${text}`
    : `,"metadataBase64":"${Buffer.from(metadata).toString('base64')}"`
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

/** Whether a text is one value of JSON (RFC 8259). */
export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
