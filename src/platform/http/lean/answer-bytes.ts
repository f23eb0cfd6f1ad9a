import { formatLine, statusLineAndHead } from '../../../mechanisms/http1/answer.ts'
import type { LeanAnswer } from './options.ts'

/** How the connection wants it. */
export interface AnswerForm {
  readonly keepsAlive: boolean
  readonly minorVersion: 0 | 1
  /** The length is told, and the body is not sent. */
  readonly isHead: boolean
  /** Of the `date` field. */
  readonly date: string
}

const NO_BODY: ReadonlySet<number> = new Set([204, 304])

/** Head and body as they go to the client. Throws RangeError for a field that would split the answer. */
export function answerBytes(answer: LeanAnswer, form: AnswerForm): Buffer {
  const hasBody = !NO_BODY.has(answer.status)
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const type = answer.contentType === '' ? '' : formatLine('content-type', answer.contentType)
  const fields = (answer.fields ?? []).map(([name, value]) => formatLine(name, value)).join('')
  const head = statusLineAndHead({
    status: answer.status,
    lines: `date: ${form.date}\r\nx-content-type-options: nosniff\r\n${type}${fields}`,
    contentLength: hasBody ? body.length : -1,
    keepsAlive: form.keepsAlive,
    clientMinorVersion: form.minorVersion,
  })
  const headBytes = Buffer.from(head, 'latin1')
  return hasBody && !form.isHead && body.length > 0 ? Buffer.concat([headBytes, body]) : headBytes
}
