import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Turn, Turns } from './turns.ts'

function turn(run: () => void): Turn {
  return { isScheduled: false, runTurn: run }
}

test('nothing runs before the event is over, then each once and in order', () => {
  const ran: string[] = []
  const turns = new Turns(assert.ifError)
  const first = turn(() => ran.push('first'))
  turns.schedule(first)
  turns.schedule(turn(() => ran.push('second')))
  turns.schedule(first)
  assert.deepEqual(ran, [])
  turns.run()
  turns.run()
  assert.deepEqual(ran, ['first', 'second'])
})

test('an event inside a turn runs no other turn in the middle of it', () => {
  const ran: string[] = []
  const turns = new Turns(assert.ifError)
  const outer = turn(() => {
    ran.push('begin')
    turns.schedule(turn(() => ran.push('inner')))
    // What a write fails with, say: the end of an event in the middle of this step.
    turns.run()
    ran.push('end')
  })
  turns.schedule(outer)
  turns.run()
  assert.deepEqual(ran, ['begin', 'end', 'inner'])
})

test('a turn that asks for itself runs again behind the others, and one that throws stops nobody', () => {
  const ran: string[] = []
  const errors: unknown[] = []
  const turns = new Turns((error) => errors.push(error))
  let left = 2
  const again = turn(() => {
    ran.push('again')
    if (--left > 0) turns.schedule(again)
    throw new Error('planted')
  })
  turns.schedule(again)
  turns.schedule(turn(() => ran.push('other')))
  turns.run()
  assert.deepEqual(ran, ['again', 'other', 'again'])
  assert.equal(errors.length, 2)
  turns.schedule(turn(() => ran.push('later')))
  turns.run()
  assert.equal(ran.at(-1), 'later')
})
