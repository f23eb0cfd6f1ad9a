import { crc32 } from 'node:zlib'

/** Over what an event says: a page that rotted is found when it is read, and named. */
export function checkSum(event: {
  readonly id: Uint8Array
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}): number {
  return crc32(event.metadata, crc32(event.data, crc32(event.id)))
}
