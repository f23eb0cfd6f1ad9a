import { FRAME, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, H2_ERROR, readUint31 } from './frames.ts'

/** What a frame reader tells. */
export interface FrameSink {
  /** The header of a DATA frame; its payload follows in pieces. */
  beginData(streamId: number, flags: number, length: number): void
  /** Payload of that frame, padding included. `left`: so many bytes of it are still to come. */
  dataPiece(bytes: Buffer, start: number, end: number, left: number): void
  /** Every other frame, whole: [start, end) is its payload. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void
  /** A connection error (H2_ERROR): nothing is read behind it. */
  failFrame(code: number): void
  /** Nothing more is read. */
  readonly isFailed: boolean
}

/**
 * Cuts what comes on one connection into frames. DATA goes on as it comes; of any other frame what there is waits for the rest, so at most one frame of
 * FRAME_BYTES_MAX is kept.
 */
export class FrameReader {
  readonly #sink: FrameSink
  /** The beginning of a frame that is not whole, its header included. */
  #partial: Buffer | null = null
  #partialLength = 0
  /** Bytes of a DATA frame's payload that are still to come. */
  #dataLeft = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** A frame has begun and is not whole; payload of DATA may take its time. */
  get isMidFrame(): boolean {
    return this.#partialLength > 0
  }

  /** Reads [start, end). Nothing of it is kept but by copy. */
  read(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.#sink.isFailed) {
      if (this.#dataLeft > 0) at = this.#readData(bytes, at, end)
      else if (this.#partialLength > 0) at = this.#complete(bytes, at, end)
      else at = this.#readFrame(bytes, at, end)
    }
  }

  #readData(bytes: Buffer, start: number, end: number): number {
    const next = Math.min(end, start + this.#dataLeft)
    this.#dataLeft -= next - start
    this.#sink.dataPiece(bytes, start, next, this.#dataLeft)
    return next
  }

  #readFrame(bytes: Buffer, start: number, end: number): number {
    if (end - start < FRAME_HEADER_BYTES) return this.#keep(bytes, start, end, FRAME_HEADER_BYTES)
    const length = lengthAt(bytes, start)
    if (length > FRAME_BYTES_MAX) return this.#fail(end)
    if (bytes[start + 3] === FRAME.data) {
      this.#beginData(bytes, start, length)
      return start + FRAME_HEADER_BYTES
    }
    const next = start + FRAME_HEADER_BYTES + length
    if (next > end) return this.#keep(bytes, start, end, FRAME_HEADER_BYTES + length)
    this.#deliver(bytes, start, next)
    return next
  }

  #beginData(bytes: Buffer, start: number, length: number): void {
    this.#dataLeft = length
    this.#sink.beginData(readUint31(bytes, start + 5), bytes[start + 4]!, length)
    if (length === 0 && !this.#sink.isFailed) this.#sink.dataPiece(bytes, start, start, 0)
  }

  #deliver(bytes: Buffer, start: number, end: number): void {
    const streamId = readUint31(bytes, start + 5)
    const payload = start + FRAME_HEADER_BYTES
    this.#sink.frame(bytes[start + 3]!, bytes[start + 4]!, streamId, bytes, payload, end)
  }

  #keep(bytes: Buffer, start: number, end: number, needed: number): number {
    const { isFailed } = this.#sink
    if (isFailed) return end
    this.#partial = growTo(this.#partial, needed, this.#partialLength)
    bytes.copy(this.#partial, this.#partialLength, start, end)
    this.#partialLength += end - start
    return end
  }

  /** Adds to the frame that has begun; when it is whole it is delivered. */
  #complete(bytes: Buffer, start: number, end: number): number {
    const headerEnd = Math.min(end, start + FRAME_HEADER_BYTES - this.#partialLength)
    if (headerEnd > start) {
      this.#keep(bytes, start, headerEnd, FRAME_HEADER_BYTES)
      if (this.#partialLength < FRAME_HEADER_BYTES) return end
      return this.#completeHeader(headerEnd)
    }
    const needed = FRAME_HEADER_BYTES + lengthAt(this.#partial!, 0)
    const next = Math.min(end, start + needed - this.#partialLength)
    this.#keep(bytes, start, next, needed)
    this.#deliverPartial(needed)
    return next
  }

  #completeHeader(next: number): number {
    const header = this.#partial!
    const length = lengthAt(header, 0)
    if (length > FRAME_BYTES_MAX) return this.#fail(next)
    if (header[3] === FRAME.data) {
      this.#forget()
      this.#beginData(header, 0, length)
    } else {
      this.#deliverPartial(FRAME_HEADER_BYTES + length)
    }
    return next
  }

  #deliverPartial(needed: number): void {
    if (this.#partialLength < needed) return
    const whole = this.#partial!
    this.#forget()
    this.#deliver(whole, 0, needed)
  }

  #forget(): void {
    this.#partial = null
    this.#partialLength = 0
  }

  #fail(next: number): number {
    this.#sink.failFrame(H2_ERROR.frameSize)
    return next
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
}

function growTo(buffer: Buffer | null, needed: number, used: number): Buffer {
  if (buffer !== null && buffer.length >= needed) return buffer
  const larger = Buffer.allocUnsafeSlow(needed)
  buffer?.copy(larger, 0, 0, used)
  return larger
}
