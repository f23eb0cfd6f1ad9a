import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFormerOutputs } from './former-outputs.ts'
import { createProcessOutput, type ProcessOutput } from './process-output.ts'

function printed(id: string, text: string): ProcessOutput {
  const output = createProcessOutput(id)
  output.push('stdout', text, 1)
  return output
}

const textsOf = (outputs: readonly ProcessOutput[]) =>
  outputs.flatMap((output) => output.lastTexts(10))

test('the last four of a service stay, whatever others print', () => {
  const former = createFormerOutputs()
  former.keep('other', printed('other-1', 'mine'))
  for (let count = 1; count <= 6; count++)
    former.keep('orders', printed('orders-1', `life ${count}`))
  former.keep('orders', createProcessOutput('orders-1'))
  assert.deepEqual(textsOf(former.of('orders')), ['life 3', 'life 4', 'life 5', 'life 6'])
  assert.deepEqual(textsOf(former.of('other')), ['mine'])
  assert.deepEqual(former.of('nobody'), [])
})

test('the bytes of all are bounded: the oldest goes first', () => {
  const former = createFormerOutputs(3_000)
  for (const name of ['a', 'b', 'c', 'd']) former.keep(name, printed(`${name}-1`, 'x'.repeat(900)))
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => former.of(name).length),
    [0, 1, 1, 1],
  )
})
