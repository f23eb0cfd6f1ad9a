import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headError } from '../../src/mechanisms/http1/errors.ts'
import { createResponseHead, parseResponseHead } from '../../src/mechanisms/http1/response-head.ts'
import { type Outcome, copyBody, fieldPairs, proxy } from './codec-proxy.ts'
import { expectedDifferences } from './expected-differences.ts'
import {
  type LlhttpCase,
  type LlhttpMessage,
  hasLlhttpCases,
  readLlhttpCases,
} from './llhttp-cases.ts'

/**
 * Differential: what llhttp refuses we refuse, and what it reads as messages we read as the same messages. Each difference is listed with
 * its reason; one that is not listed fails, and so does a listed one that is none any more.
 */

const skip = hasLlhttpCases()
  ? false
  : 'LOUD: the llhttp vectors are not beside this project (../shared/data/llhttp): nothing was compared'

/** A message in the words that both parsers share. */
interface Read {
  readonly start: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

interface Verdict {
  readonly messages: readonly Read[]
  readonly refusal: string
}

test('llhttp cases are read alike', { skip }, async (t) => {
  const cases = readLlhttpCases()
  assert.ok(cases.length > 150, `only ${cases.length} cases were found`)
  for (const one of cases) {
    await t.test(one.id, () => {
      const difference = compare(one)
      const expected = expectedDifferences[one.id]
      if (expected === undefined)
        assert.equal(difference, '', `${one.id}\n${JSON.stringify(one.input)}`)
      else assert.notEqual(difference, '', 'the expected difference is stale: delete it')
    })
  }
  const ids = new Set(cases.map((one) => one.id))
  assert.deepEqual(
    Object.keys(expectedDifferences).filter((id) => !ids.has(id)),
    [],
  )
})

function compare(one: LlhttpCase): string {
  const theirs = readTheirs(one)
  const ours = one.kind === 'request' ? readRequests(one) : readResponses(one)
  if (theirs.refusal !== '' && ours.refusal === '')
    return `they refuse (${theirs.refusal}), we do not`
  if (theirs.refusal === '' && ours.refusal !== '')
    return `we refuse (${ours.refusal}), they do not`
  if (theirs.refusal !== '') return ''
  return isEqual(theirs.messages, ours.messages)
    ? ''
    : `they read ${JSON.stringify(theirs.messages)}, we ${JSON.stringify(ours.messages)}`
}

function isEqual(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}

function readTheirs({ messages, error, kind }: LlhttpCase): Verdict {
  const complete = messages.filter(
    (message) => message.isComplete || (kind === 'response' && message.hasHead),
  )
  return {
    messages: complete.map((message) => ({
      start: startOf(message, kind),
      fields: message.fields.map(trimmed),
      body: message.body,
    })),
    refusal: error,
  }
}

function startOf(message: LlhttpMessage, kind: string): string {
  return kind === 'request' ? `${message.method} ${message.target}` : `${message.status}`
}

/** llhttp leaves white space behind a value to its caller. */
function trimmed([name, value]: [string, string]): [string, string] {
  return [name, value.replace(/[ \t]+$/, '')]
}

const OUR_HOST = 'host.of.this.test'

/** Most cases have no Host, which is an error here and none of llhttp's business: they get one. */
function withHost({ input, messages }: LlhttpCase): string {
  let text = input
  for (const message of messages.toReversed()) {
    const hasHost = message.fields.some(([name]) => name.toLowerCase() === 'host')
    const lineEnd = message.lineEnd
    if (hasHost || lineEnd < 0 || text.slice(lineEnd, lineEnd + 2) !== '\r\n') continue
    const authority = /^https?:\/\/([^/?]*)/i.exec(message.target)?.[1] ?? OUR_HOST
    text = `${text.slice(0, lineEnd + 2)}Host: ${authority}\r\nX-Added: 1\r\n${text.slice(lineEnd + 2)}`
  }
  return text
}

/** llhttp refuses at the byte that is wrong; we may wait for the end of its head, which some cases lack. */
function proxyWhole(text: string, isRefused: boolean): Outcome {
  const outcome = proxy(Buffer.from(text, 'latin1'))
  return isRefused && outcome.rest > 0 ? proxy(Buffer.from(`${text}\r\n\r\n`, 'latin1')) : outcome
}

function readRequests(one: LlhttpCase): Verdict {
  const outcome = proxyWhole(withHost(one), one.error !== '')
  const messages: Read[] = []
  for (const { method, target, fields, body, keepAlive, upgrade } of outcome.messages) {
    const isAdded = fields[1]?.[0] === 'X-Added'
    messages.push({
      start: `${method} ${target}`,
      fields: isAdded ? fields.slice(2) : fields,
      body,
    })
    if (upgrade !== '') return { messages, refusal: '' }
    const isLast = messages.length === outcome.messages.length
    if (!keepAlive && (!isLast || outcome.code !== '' || outcome.rest > 0))
      return { messages, refusal: 'data behind the last message' }
  }
  return { messages, refusal: outcome.code }
}

function readResponses({ input }: LlhttpCase): Verdict {
  const bytes = Buffer.from(input, 'latin1')
  const messages: Read[] = []
  let at = 0
  while (at < bytes.length) {
    const head = createResponseHead(100)
    const end = parseResponseHead(bytes, at, bytes.length, { headBytesMax: 32_768 }, head, 'GET')
    if (end < 0) return { messages, refusal: headError(end).code }
    if (end === 0) break
    const body = copyBody(bytes, end, bytes.length, head.framing, head.contentLength, false)
    if (typeof body === 'number') return { messages, refusal: headError(body).code }
    messages.push({
      start: `${head.status}`,
      fields: fieldPairs(bytes, head.fields),
      body: body.text,
    })
    if (!body.isDone || head.status === 101) break
    at = body.end
    if (!head.keepAlive && at < bytes.length)
      return { messages, refusal: 'data behind the last message' }
  }
  return { messages, refusal: '' }
}
