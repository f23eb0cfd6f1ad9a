import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QuotaBoard } from './quota-board.ts'

test('the last count of each, whatever the order in which workers tell', () => {
  const board = new QuotaBoard()
  const row = (key: string, period: number, used: number) => ({ scope: 's', key, period, used })
  board.add([row('a', 7, 2), row('b', 7, 1)])
  board.add([row('a', 7, 1), row('b', 8, 1)])
  board.add([row('a', 7, 3), row('b', 7, 9)])
  assert.deepEqual(board.all(), [row('b', 8, 1), row('a', 7, 3)])
})
