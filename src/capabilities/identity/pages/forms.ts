import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { ProblemError } from '../../../platform/problem.ts'

/** A form of ours is a few fields. */
export const FORM_BYTES_MAX = 16 * 1024

/** Reads `application/x-www-form-urlencoded`. Throws `ProblemError` for anything else, and for what is too long. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new ProblemError(415, 'ERR_HTTP_CONTENT_TYPE', 'This is a form: send it as one.')
  }
  return new URLSearchParams((await readBody(request)).toString('utf8'))
}

/** Throws `ProblemError` for what is too long. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > FORM_BYTES_MAX) {
      throw new ProblemError(413, 'ERR_HTTP_BODY_TOO_LARGE', 'A form is at most 16 KiB long.')
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What a form must bring back, so that no other page can send it: bound to what the browser's cookie names. */
export function formToken(secret: Uint8Array, bound: string): string {
  return createHmac('sha256', secret).update('form:').update(bound).digest('base64url')
}

/** Throws `ProblemError` where another page sent the form: by its token, and by what the browser says of its origin. */
export function checkForm(
  request: IncomingMessage,
  form: { get(name: string): string | null },
  expected: string,
  origin: string,
): void {
  const given = Buffer.from(form.get('form_token') ?? '')
  const wanted = Buffer.from(expected)
  const isOurs = given.length === wanted.length && timingSafeEqual(given, wanted)
  const { origin: from, 'sec-fetch-site': site } = request.headers
  const isForeign = from === undefined ? site === 'cross-site' : from !== origin
  if (!isOurs || isForeign) {
    throw new ProblemError(
      403,
      'ERR_IDENTITY_FORM_FOREIGN',
      'This form did not come from our own page, or its page is too old. Go back and try again.',
    )
  }
}
