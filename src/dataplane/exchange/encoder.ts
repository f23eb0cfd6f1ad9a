import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib'
import type { BodyReader } from '../../mechanisms/http1/body.ts'
import type { ContentEncoding } from '../../mechanisms/content-encoding/content-encoding.ts'

/** An answer that is encoded on its way to the client. To the client's stream it is an answer in chunks, as if the instance had sent it so. */
export interface Encoding {
  readonly encoder: Encoder
  readonly body: BodyReader
}

/** What comes of it, each in a turn of its own. */
export interface EncoderEvents {
  data(bytes: Buffer): void
  end(): void
  /** It takes more. */
  drain(): void
  failed(error: unknown): void
}

/** Brotli's default of 11 takes a hundred times as long as 4, for a tenth less. */
const BROTLI_QUALITY = 4
/** 2^18 bytes of window: what one answer in the works takes of memory stays below a mebibyte. */
const WINDOW_BITS = 18

type Stream = ReturnType<
  typeof createGzip | typeof createBrotliCompress | typeof createZstdCompress
>

/** One answer's encoder: zlib on its threads, with the stream's own back-pressure. */
export class Encoder {
  readonly name: ContentEncoding
  /** All was said. */
  isDone = false
  /** Bytes that came out. */
  madeBytes = 0
  readonly #stream: Stream
  readonly #flushes: boolean

  /** `flushes`: what comes in goes out at once, since nobody knows when more comes (events, a body without a length). */
  constructor(name: ContentEncoding, flushes: boolean, events: EncoderEvents) {
    this.name = name
    this.#flushes = flushes
    this.#stream = createStream(name)
    this.#stream
      .on('data', (bytes: Buffer) => {
        this.madeBytes += bytes.length
        events.data(bytes)
      })
      .on('end', () => {
        this.isDone = true
        events.end()
      })
      .on('drain', () => events.drain())
      .on('error', (error) => events.failed(error))
  }

  /** Bytes are copied. False: nothing more should come before `drain`. */
  write(bytes: Uint8Array): boolean {
    const isTaken = this.#stream.write(Buffer.from(bytes))
    if (this.#flushes) this.#stream.flush()
    return isTaken
  }

  end(): void {
    this.#stream.end()
  }

  /** Nothing more comes out before `resume`. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Ends it at once; nothing more is said. */
  close(): void {
    this.#stream.removeAllListeners('data').removeAllListeners('end').removeAllListeners('drain')
    this.#stream.destroy()
  }
}

function createStream(name: ContentEncoding): Stream {
  switch (name) {
    case 'gzip':
      return createGzip({ level: 5, memLevel: 7, flush: constants.Z_NO_FLUSH })
    case 'br':
      return createBrotliCompress({
        params: {
          [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
          [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
        },
      })
    case 'zstd':
      return createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: WINDOW_BITS } })
    default:
      return name satisfies never
  }
}
