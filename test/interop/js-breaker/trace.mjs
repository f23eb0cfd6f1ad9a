/**
 * Runs traces through a breaker of cockatiel. A line is `kind size minimum openMs probes : atMs outcome, ...`, as the Java program has it; slow calls are not known here. Says a word a call: `-` refused,
 * else the state behind it, C, O or H.
 */
import { createInterface } from 'node:readline'
import { load } from './load.mjs'

const { circuitBreaker, CircuitState, CountBreaker, handleAll } = load('cockatiel')
const WORDS = new Map([
  [CircuitState.Closed, 'C'],
  [CircuitState.Open, 'O'],
  [CircuitState.HalfOpen, 'H'],
])
let nowMs = 0
Date.now = () => nowMs

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') process.stdout.write(`${await run(line)}\n`)
}

async function run(line) {
  const [terms, calls] = line.split(' : ')
  const [, size, minimum, openMs] = terms.split(' ')
  nowMs = 0
  const breaker = new CountBreaker({
    threshold: 0.5,
    size: Number(size),
    minimumNumberOfCalls: Number(minimum),
  })
  const policy = circuitBreaker(handleAll, { halfOpenAfter: Number(openMs), breaker })
  let said = ''
  for (const call of calls.split(',')) {
    const [atMs, outcome] = call.trim().split(' ').map(Number)
    nowMs = atMs
    let wasAsked = false
    try {
      await policy.execute(() => {
        wasAsked = true
        if ((outcome & 1) !== 0) throw new Error('failed')
      })
    } catch {}
    said += wasAsked ? WORDS.get(policy.state) : '-'
  }
  return said
}
