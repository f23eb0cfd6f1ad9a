import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOwnWanted } from './own-wanted.ts'

test('the supervisor hears nothing before everybody has spoken, and then of each change', () => {
  const said: string[] = []
  const wanted = createOwnWanted({ send: (message) => said.push(JSON.stringify(message)) }, [
    'events',
    'identity',
  ])
  wanted.set('events', true)
  assert.deepEqual(said, [])
  wanted.set('identity', false)
  wanted.set('identity', true)
  wanted.set('events', false)
  const names = said.map((text) => (JSON.parse(text) as { names: string[] }).names)
  assert.deepEqual(names, [['events'], ['events', 'identity'], ['identity']])
})
