import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { metadataStreamOf, METADATA_TYPE, type AppendOutcome, type Expected } from '../model.ts'
import type { EventEngine } from './engine.ts'
import { applyToModel, appendArbitrary, createModel } from './testing/engine-model.ts'
import { ALL, appendTo, readOf, streamSource, testEvent } from './testing/requests.ts'

/** Opens an engine on an empty store; it is closed with the test. `clock.nowMs` may be moved. */
export interface ContractOptions {
  readonly name: string
  readonly open: (t: TestContext, clock: { nowMs: number }) => Promise<EventEngine>
}

/** What every engine must do. */
export function checkEngine({ name, open }: ContractOptions): void {
  const start = (t: TestContext) => open(t, { nowMs: 1_000 })
  const metadata = (stream: string, said: object) =>
    appendTo(metadataStreamOf(stream), 'any', [
      testEvent({ type: METADATA_TYPE, data: Buffer.from(JSON.stringify(said)) }),
    ])

  describe(`engine ${name}`, () => {
    test('what was appended is read, in its stream and in the order of all, both ways', async (t) => {
      const engine = await start(t)
      const events = [1, 2, 3].map((n) =>
        testEvent({ data: Buffer.from(`{"n":${n}}`), metadata: Buffer.from([0, 255, n]) }),
      )
      const outcome = await engine.append(appendTo('a-1', 'none', events))
      assert.deepEqual(outcome, appended(2, [2]))
      await engine.append(appendTo('b-1', 'any', [testEvent({ isJson: false })]))
      const page = await engine.read(readOf(streamSource('a-1')))
      assert.equal(page.head, 2)
      assert.ok(page.isEnd)
      assert.deepEqual(
        page.events.map(({ id, revision, position }) => [id, revision, position]),
        events.map(({ id }, at) => [id, at, at]),
      )
      assert.deepEqual(Buffer.from(page.events[2]?.metadata ?? []), Buffer.from([0, 255, 3]))
      const back = await engine.read(readOf(ALL, { from: 'end', isBackwards: true, eventsMax: 2 }))
      assert.deepEqual(
        back.events.map(({ position, stream, isJson }) => [position, stream, isJson]),
        [
          [3, 'b-1', false],
          [2, 'a-1', true],
        ],
      )
      assert.equal(back.next, 1)
      assert.ok(!back.isEnd)
      assert.equal(engine.end(), 4)
    })

    test('expectations: any, none, exists, exact; a refusal names what there was', async (t) => {
      const engine = await start(t)
      const put = (expected: Expected) => engine.append(appendTo('s-1', expected, [testEvent()]))
      assert.deepEqual(await put('exists'), conflict('s-1', 'exists', 'none'))
      assert.deepEqual(await put(0), conflict('s-1', 0, 'none'))
      assert.deepEqual(await put('none'), appended(0, [0]))
      assert.deepEqual(await put('none'), conflict('s-1', 'none', 0))
      assert.deepEqual(await put('exists'), appended(1, [1]))
      assert.deepEqual(await put(0), conflict('s-1', 0, 1))
      assert.deepEqual(await put(1), appended(2, [2]))
      assert.deepEqual(await put('any'), appended(3, [3]))
      assert.equal(engine.end(), 4)
    })

    test('the same append again has the same answer, and is there once', async (t) => {
      const engine = await start(t)
      const [one, two] = [testEvent(), testEvent()]
      for (const expected of ['none', 'any', 0, 'exists'] as const) {
        const stream = `s-${expected}`
        if (expected !== 'none' && expected !== 'any') {
          await engine.append(appendTo(stream, 'none', [testEvent()]))
        }
        const append = appendTo(stream, expected, [one, two])
        const first = await engine.append(append)
        await engine.append(appendTo(stream, 'any', [testEvent()]))
        const again = await engine.append(append)
        assert.deepEqual(again, { ...first, isRepeated: true }, String(expected))
        const part = await engine.append(appendTo(stream, expected, [one, testEvent()]))
        if (expected === 'none' || expected === 0) assert.equal(part.kind, 'conflict')
      }
    })

    test('several streams are written together or not at all, also for the sake of one that is only looked at', async (t) => {
      const engine = await start(t)
      await engine.append(appendTo('limit-1', 'none', [testEvent()]))
      const both = (limit: Expected) => ({
        streams: [
          { name: 'from-1', expected: 'any' as const },
          { name: 'to-1', expected: 'any' as const },
          { name: 'limit-1', expected: limit },
        ],
        events: [testEvent(), testEvent(), testEvent()],
        streamOf: [0, 1, 0],
      })
      assert.deepEqual(await engine.append(both(5)), conflict('limit-1', 5, 0))
      assert.equal(engine.end(), 1)
      assert.deepEqual(await engine.append(both(0)), appended(3, [1, 0, -1]))
      const { events } = await engine.read(readOf(ALL, { from: 1 }))
      assert.deepEqual(
        events.map(({ stream, revision }) => [stream, revision]),
        [
          ['from-1', 0],
          ['to-1', 0],
          ['from-1', 1],
        ],
      )
    })

    test('a deleted stream begins again behind what it had; one that is over for ever does not', async (t) => {
      const engine = await start(t)
      await engine.append(appendTo('s-1', 'any', [testEvent(), testEvent()]))
      const remove = (isForEver: boolean, expected: Expected = 'any') =>
        engine.remove({ stream: 's-1', expected, isForEver })
      assert.deepEqual(await remove(false, 7), conflict('s-1', 7, 1))
      assert.equal((await remove(false)).kind, 'appended')
      assert.equal((await engine.read(readOf(streamSource('s-1')))).head, 'deleted')
      assert.deepEqual(await remove(false), conflict('s-1', 'any', 'deleted'))
      const again = await engine.append(appendTo('s-1', 'none', [testEvent()]))
      assert.equal(again.kind === 'appended' && again.revisions[0], 2)
      const page = await engine.read(readOf(streamSource('s-1')))
      assert.deepEqual(
        page.events.map(({ revision }) => revision),
        [2],
      )
      assert.equal((await remove(true)).kind, 'appended')
      assert.deepEqual(
        await engine.append(appendTo('s-1', 'any', [testEvent()])),
        conflict('s-1', 'any', 'tombstoned'),
      )
      const { head, events } = await engine.read(readOf(streamSource('s-1')))
      assert.deepEqual([head, events.length], ['tombstoned', 0])
    })

    test('metadata bounds what is read, and scavenging removes it in steps without a new number for anything', async (t) => {
      const clock = { nowMs: 1_000 }
      const engine = await open(t, clock)
      for (const stream of ['count-1', 'before-1', 'age-1', 'gone-1']) {
        for (let n = 0; n < 10; n++) await engine.append(appendTo(stream, 'any', [testEvent()]))
      }
      await engine.append(metadata('count-1', { $maxCount: 3 }))
      await engine.append(metadata('before-1', { $tb: 6 }))
      await engine.append(metadata('age-1', { $maxAge: 5 }))
      await engine.remove({ stream: 'gone-1', expected: 'any', isForEver: true })
      clock.nowMs = 8_000
      await engine.append(appendTo('age-1', 'any', [testEvent()]))
      const nowUs = 8_000_000
      const look = async (stream: string) =>
        (await engine.read(readOf(streamSource(stream), { nowUs }))).events.map(
          ({ revision }) => revision,
        )
      const expected = { 'count-1': [7, 8, 9], 'before-1': [6, 7, 8, 9], 'age-1': [10] }
      for (const [stream, revisions] of Object.entries(expected)) {
        assert.deepEqual(await look(stream), revisions)
      }
      const { end, before } = { end: engine.end(), before: await engine.read(readOf(ALL)) }
      assert.equal(before.events.length, end)
      let removed = 0
      for (let cursor = '', isFirst = true; isFirst || cursor !== ''; isFirst = false) {
        const step = await engine.scavenge({ cursor, eventsMax: 4, nowUs })
        removed += step.removed
        cursor = step.cursor
      }
      assert.equal(removed, 7 + 6 + 10 + 10)
      for (const [stream, revisions] of Object.entries(expected)) {
        assert.deepEqual(await look(stream), revisions)
      }
      assert.equal((await engine.read(readOf(ALL))).events.length, end - removed)
      assert.equal(engine.end(), end)
      const next = await engine.append(appendTo('before-1', 9, [testEvent()]))
      assert.deepEqual(next, appended(end, [10]))
    })

    test('categories, types, names and times are found; filters by beginning and expression', async (t) => {
      const clock = { nowMs: 1_000 }
      const engine = await open(t, clock)
      for (let n = 0; n < 12; n++) {
        clock.nowMs = 1_000 + n * 10
        const type = n % 3 === 0 ? 'paid' : 'placed'
        await engine.append(
          appendTo(n % 2 === 0 ? 'order-1' : 'cart-1', 'any', [testEvent({ type })]),
        )
      }
      const positions = async (request: Parameters<EventEngine['read']>[0]) =>
        (await engine.read(request)).events.map(({ position }) => position)
      const evens = [0, 2, 4, 6, 8, 10]
      assert.deepEqual(await positions(readOf({ kind: 'category', name: 'order' })), evens)
      assert.deepEqual(await positions(readOf({ kind: 'type', name: 'paid' })), [0, 3, 6, 9])
      const filtered = (on: 'stream' | 'type', prefixes: string[], expression = '') =>
        readOf({ kind: 'all', filter: { on, prefixes, expression } })
      assert.deepEqual(await positions(filtered('stream', ['ord'])), evens)
      assert.deepEqual(await positions(filtered('type', [], '^pa.*d$')), [0, 3, 6, 9])
      const page = await engine.read({ ...filtered('type', ['none']), windowMax: 5 })
      assert.deepEqual([page.events.length, page.next, page.isEnd], [0, 5, false])
      assert.equal(await engine.positionAt(1_035_000), 4)
      assert.equal(await engine.positionAt(9_000_000), 12)
      assert.equal(await engine.positionAt(0), 0)
      assert.deepEqual(await engine.streams('', '', 10), [
        { name: 'cart-1', head: 5 },
        { name: 'order-1', head: 5 },
      ])
      assert.deepEqual(await engine.streams('o', '', 10), [{ name: 'order-1', head: 5 }])
    })

    test('pages end at their bounds, and go on where they ended', async (t) => {
      const engine = await start(t)
      const data = Buffer.alloc(1_000, 32)
      const events = Array.from({ length: 50 }, () => testEvent({ data, isJson: false }))
      await engine.append(appendTo('s-1', 'any', events))
      for (const isBackwards of [false, true]) {
        const seen: number[] = []
        let from: number | 'end' = isBackwards ? 'end' : 0
        for (let isEnd = false; !isEnd;) {
          const page = await engine.read(
            readOf(streamSource('s-1'), { from, isBackwards, bytesMax: 4_500, eventsMax: 7 }),
          )
          assert.ok(page.events.length > 0 && page.events.length <= 7)
          seen.push(...page.events.map(({ revision }) => revision))
          from = page.next
          isEnd = page.isEnd
        }
        const all = [...Array(50).keys()]
        assert.deepEqual(seen, isBackwards ? all.toReversed() : all)
      }
    })

    test('any sequence of appends and deletions ends as the model says', async (t) => {
      await fc.assert(
        fc.asyncProperty(fc.array(appendArbitrary, { maxLength: 40 }), async (operations) => {
          const engine = await start(t)
          const model = createModel()
          const outcomes = await Promise.all(
            operations.map((operation) =>
              operation.kind === 'append'
                ? engine.append(operation.append)
                : engine.remove(operation.deletion),
            ),
          )
          for (const [at, operation] of operations.entries()) {
            assert.deepEqual(summary(outcomes[at]), summary(applyToModel(model, operation)))
          }
          const { events } = await engine.read(readOf(ALL))
          assert.deepEqual(
            events.map(({ stream, revision, position, type }) => [
              stream,
              revision,
              position,
              type,
            ]),
            model.all.map(({ stream, revision, type }, at) => [stream, revision, at, type]),
          )
          await engine.close()
        }),
        { numRuns: 25 },
      )
    })
  })
}

function appended(position: number, revisions: number[]): AppendOutcome {
  return { kind: 'appended', position, revisions, isRepeated: false }
}

function conflict(
  stream: string,
  expected: Expected,
  actual: number | 'none' | 'deleted' | 'tombstoned',
): AppendOutcome {
  return { kind: 'conflict', violations: [{ stream, expected, actual }] }
}

function summary(outcome: AppendOutcome | undefined): unknown {
  return outcome?.kind === 'conflict' ? outcome.violations[0] : outcome
}
