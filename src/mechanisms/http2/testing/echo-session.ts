import { localBlock } from '../head-block.ts'
import { RequestText } from '../request-text.ts'
import type { Http2FailureKind, Http2SessionOptions } from '../session-state.ts'
import { Http2Session } from '../session.ts'
import { MemoryOutput } from './memory-output.ts'

/** What one stream of an echoing server got. */
export interface EchoStream {
  head: string
  body: string
  trailers: string
  isEnded: boolean
}

/** A server session that answers each request with its own body, and writes down what it is told. */
export interface EchoSession {
  readonly session: Http2Session<EchoStream>
  readonly output: MemoryOutput
  readonly streams: EchoStream[]
  readonly resets: { readonly code: number; readonly isMistake: boolean }[]
  readonly failures: { readonly kind: Http2FailureKind; readonly code: number }[]
  receive(bytes: Uint8Array, nowMs?: number): void
}

export const echoOptions: Http2SessionOptions = {
  role: 'server',
  streamsMax: 100,
  streamWindow: 65_535,
  connectionWindow: 1_048_576,
  opensOnReceipt: false,
  headBytesMax: 16_384,
}

export function createEchoSession(
  change: Partial<Http2SessionOptions> = {},
  answers = true,
): EchoSession {
  const output = new MemoryOutput()
  const streams: EchoStream[] = []
  const resets: { code: number; isMistake: boolean }[] = []
  const failures: { kind: Http2FailureKind; code: number }[] = []
  const text = new RequestText()
  const trailerText = new RequestText()
  const limits = { headBytesMax: 16_384, requestLineBytesMax: 8_192, headersMax: 100 }
  const session = new Http2Session<EchoStream>({ ...echoOptions, ...change }, output, {
    head(stream, decoder, isEnd) {
      const error = text.read(decoder, limits, isEnd, () => 'key')
      if (error === -1) return -1
      const head = text.bytes.toString('latin1', 0, text.end)
      const owner = {
        head: error === 0 ? head : `error ${error}`,
        body: '',
        trailers: '',
        isEnded: isEnd,
      }
      streams.push(owner)
      stream.owner = owner
      if (!answers) return 0
      const block = localBlock(error === 0 ? 200 : 400, 'x-echo: yes\r\n', -1)
      const at = session.sender.beginBlock(block.length)
      output.bytes.set(block, at)
      stream.hasAnswered = true
      session.sender.endBlock(stream, at + block.length, isEnd)
      return 0
    },
    trailers(stream, decoder) {
      const error = trailerText.read(decoder, limits, true, () => '')
      stream.owner!.trailers = String(error)
      stream.owner!.isEnded = true
      if (answers) session.sender.end(stream, null)
      return error === -1 ? -1 : 0
    },
    data(stream, bytes, start, end, isEnd) {
      stream.owner!.body += bytes.toString('latin1', start, end)
      stream.owner!.isEnded = isEnd
      session.consumed(stream, end - start)
      if (answers) session.sender.send(stream, bytes, start, end, isEnd)
    },
    reset: (_stream, code) => void resets.push({ code, isMistake: false }),
    mistaken: (_stream, code) => void resets.push({ code, isMistake: true }),
    refused: () => {},
    writable: () => {},
    settled: () => {},
    goingAway: () => {},
    failed: (kind, code) => void failures.push({ kind, code }),
  })
  session.start()
  return {
    session,
    output,
    streams,
    resets,
    failures,
    receive(bytes, nowMs = 0) {
      const copy = Buffer.from(bytes)
      session.receive(copy, 0, copy.length, nowMs)
    },
  }
}
