import type { IncomingMessage } from 'node:http'

/** Bytes of an answer's body that are read and kept; the rest is cut off. */
export const CHECK_BODY_BYTES_MAX = 1024

/** The body up to the bound, to its end, or to the abort. */
export async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= CHECK_BODY_BYTES_MAX) break
    }
  } catch {
    // The status has come, which is what counts.
  }
  return textOf(chunks)
}

/** What was read, as text. */
export function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).subarray(0, CHECK_BODY_BYTES_MAX).toString('utf8').trim()
}
