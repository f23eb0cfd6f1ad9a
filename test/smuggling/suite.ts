import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { smugglingVectors } from '../conformance/smuggling-vectors.ts'
import type { SmugglingVector } from '../conformance/vectors/vector.ts'
import { send } from './client.ts'
import { type RunningProxy, type StartProxy, judgeVector } from './judge.ts'
import type { WireMessage } from './messages.ts'
import { expectedPeerDifferences } from './peer-differences.ts'
import { type Peer, isInstalled, peers } from './peers.ts'
import { readWithNode } from './read-with-node.ts'
import { type Recorder, startRecorder } from './recorder.ts'

/** What is forwarded is sent once more in pieces of this size: no line and no chunk then arrives whole. */
const PIECE_BYTES = 5

/**
 * Vectors that this proxy answers by itself although they could be forwarded, with the status: a router may refuse what the codec takes.
 * Their upstream must get nothing.
 */
export type OwnAnswers = Readonly<Record<string, number>>

/**
 * Registers the tests for one proxy: every vector is sent through it and judged by what its upstream received; what was forwarded is
 * then given to Node, nginx and HAProxy, which must read the same messages.
 */
export function smugglingSuite(
  name: string,
  startProxy: StartProxy,
  ownAnswers: OwnAnswers = {},
): void {
  describe(`smuggling through ${name}`, () => {
    let recorder: Recorder
    let proxy: RunningProxy
    const forwarded = new Map<string, readonly WireMessage[]>()
    before(async () => {
      recorder = await startRecorder()
      proxy = await startProxy(recorder.port)
    })
    after(async () => {
      await proxy.stop()
      await recorder.stop()
    })
    for (const vector of smugglingVectors) {
      test(`${vector.class}: ${vector.id}`, async () => {
        const judged = withOwnAnswer(vector, ownAnswers)
        forwarded.set(vector.id, await judgeVector(proxy.port, recorder, judged))
        if (judged.refusal === undefined)
          await judgeVector(proxy.port, recorder, judged, PIECE_BYTES)
      })
    }
    test('Node reads what was forwarded', async () => {
      for (const [id, messages] of forwarded) await assertNodeReads(id, messages)
    })
    for (const peer of peers) {
      const skip = isInstalled(peer)
        ? false
        : `LOUD: ${peer.program} is not installed: ${peer.name} was not compared`
      test(`${peer.name} reads what was forwarded`, { skip }, async () =>
        comparePeer(peer, forwarded),
      )
    }
  })
}

function withOwnAnswer(vector: SmugglingVector, ownAnswers: OwnAnswers): SmugglingVector {
  const status = ownAnswers[vector.id]
  if (status === undefined) return vector
  return { ...vector, messages: [], ownAnswer: status }
}

async function assertNodeReads(id: string, messages: readonly WireMessage[]): Promise<void> {
  if (messages.length === 0) return
  const text = messages.map((message) => message.bytes).join('')
  const { requests, isRefused } = await readWithNode(text, messages.length)
  assert.ok(!isRefused, `${id}: Node refuses ${JSON.stringify(text)}`)
  const read = requests.map(({ method, target, body }) => ({ method, target, body }))
  assert.deepEqual(
    read,
    messages.map(({ method, target, body }) => ({ method, target, body })),
    id,
  )
}

async function comparePeer(
  peer: Peer,
  forwarded: ReadonlyMap<string, readonly WireMessage[]>,
): Promise<void> {
  const recorder = await startRecorder()
  const running = await peer.start(recorder.port)
  const expected = expectedPeerDifferences.filter((difference) => difference.peer === peer.name)
  try {
    for (const [id, messages] of forwarded) {
      if (messages.length === 0) continue
      const difference = await compareOne(running.port, recorder, messages)
      if (expected.every((one) => one.id !== id))
        assert.equal(difference, '', `${id} through ${peer.name}`)
      else
        assert.notEqual(
          difference,
          '',
          `${id} through ${peer.name}: the expected difference is stale, delete it`,
        )
    }
  } finally {
    await running.stop()
    await recorder.stop()
  }
}

async function compareOne(
  port: number,
  recorder: Recorder,
  messages: readonly WireMessage[],
): Promise<string> {
  recorder.take()
  const text = messages.map((message) => message.bytes).join('')
  const answers = await send(port, text, messages.length, false)
  const { messages: read, rests, errors } = recorder.take()
  const summary = (list: readonly WireMessage[]) =>
    JSON.stringify(list.map(({ method, target, body }) => ({ method, target, body })))
  if (errors.length > 0 || rests.length > 0)
    return `it forwards ${JSON.stringify([...errors, ...rests])}`
  return summary(read) === summary(messages)
    ? ''
    : `it reads ${summary(read)} and answers ${answers.statuses.join(', ')}`
}
