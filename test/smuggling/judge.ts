import assert from 'node:assert/strict'
import type { SmugglingVector, UpstreamMessage } from '../conformance/vectors/vector.ts'
import { send } from './client.ts'
import type { WireMessage } from './messages.ts'
import type { Recorder, Recording } from './recorder.ts'

/** A proxy under test, whose single upstream is a recorder. */
export interface RunningProxy {
  readonly port: number
  stop(): Promise<void>
}

/** Starts a proxy on a free loopback port that sends everything to 127.0.0.1:upstreamPort. */
export type StartProxy = (upstreamPort: number) => Promise<RunningProxy>

/**
 * Sends one vector through the proxy and judges by what the upstream received: exactly the messages of the vector, or nothing. Returns
 * those messages. Throws AssertionError for anything else.
 */
export async function judgeVector(
  proxyPort: number,
  recorder: Recorder,
  vector: SmugglingVector,
  pieceBytes?: number,
): Promise<readonly WireMessage[]> {
  recorder.take()
  const { refusal, ownAnswer } = vector
  const expected = [
    ...vector.messages.map(() => 200),
    ...(ownAnswer === undefined ? [] : [ownAnswer]),
  ]
  const answerCount = expected.length + (refusal === undefined ? 0 : 1)
  const answers = await send(
    proxyPort,
    vector.bytes,
    answerCount,
    refusal !== undefined,
    pieceBytes,
  )
  const recording = recorder.take()
  assertReceived(vector, recording)
  if (refusal === undefined) assert.deepEqual(answers.statuses, expected)
  else {
    assert.ok(answers.isClosed, 'the connection must be closed behind a refusal')
    const withoutAnswer = refusal.isInBody === true && answers.statuses.length === 0
    if (!withoutAnswer) assert.deepEqual(answers.statuses, [...expected, refusal.status])
  }
  return recording.messages
}

function assertReceived(vector: SmugglingVector, { messages, rests, errors }: Recording): void {
  assert.deepEqual(errors, [], 'the upstream got bytes that are no strict HTTP')
  if (vector.refusal?.isInBody !== true)
    assert.deepEqual(rests, [], 'the upstream got a part of a message')
  assert.equal(
    messages.length,
    vector.messages.length,
    `the upstream got ${JSON.stringify(messages.map((message) => message.bytes))}`,
  )
  vector.messages.forEach((expected, index) => assertMessage(messages[index]!, expected, vector))
}

function assertMessage(
  message: WireMessage,
  expected: UpstreamMessage,
  vector: SmugglingVector,
): void {
  const { method, target, host, body, fields, trailers } = message
  assert.deepEqual(
    { method, target, host, body },
    { method: expected.method, target: expected.target, host: expected.host, body: expected.body },
  )
  assert.ok(
    message.bytes.startsWith(`${method} ${target} HTTP/1.1\r\n`),
    'the origin form must be sent, as HTTP/1.1',
  )
  const valuesOf = (name: string) =>
    fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
  for (const [name, value] of expected.present ?? [])
    assert.deepEqual(valuesOf(name), [value], name)
  for (const name of expected.absent ?? [])
    assert.ok(!isForwarded(valuesOf(name), name, vector), `${name} must not be forwarded`)
  const allowed = expected.trailers ?? []
  assert.deepEqual(
    trailers.filter(([name]) => !allowed.includes(name.toLowerCase())),
    [],
  )
}

const OWN_FIELDS: ReadonlySet<string> = new Set(
  'forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto'.split(' '),
)

/** The proxy may write some fields itself, once, and not as the client claims. */
function isForwarded(values: readonly string[], name: string, vector: SmugglingVector): boolean {
  if (values.length !== 1 || !OWN_FIELDS.has(name)) return values.length > 0
  return vector.bytes.toLowerCase().includes(`\r\n${name}: ${values[0]!.toLowerCase()}\r\n`)
}
