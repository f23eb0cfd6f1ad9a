import { FRAME_HEADER_BYTES, PREFACE, readUint31, writeFrameHeader } from '../frames.ts'

/** One frame as it stands on the wire. */
export interface WireFrame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

/** The bytes of a frame. */
export function wireFrame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload
  const out = Buffer.alloc(FRAME_HEADER_BYTES + body.length)
  writeFrameHeader(out, 0, body.length, type, flags, streamId)
  out.set(body, FRAME_HEADER_BYTES)
  return out
}

/** All whole frames of `bytes`, which must end with one. */
export function framesIn(bytes: Buffer): WireFrame[] {
  const frames: WireFrame[] = []
  for (let at = 0; at < bytes.length;) {
    const next = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3)
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      streamId: readUint31(bytes, at + 5),
      payload: bytes.subarray(at + FRAME_HEADER_BYTES, next),
    })
    at = next
  }
  return frames
}

/** Preface and empty SETTINGS: how every client begins. */
export const clientStart = Buffer.concat([PREFACE, wireFrame(4, 0, 0)])

/** `name: value` fields as literals that touch no table. */
export function literalBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), stringOf(name), stringOf(value)]),
  )
}

function stringOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length: number[] = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** The block of a plain GET. */
export const getBlock = literalBlock([
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop.example'],
])
