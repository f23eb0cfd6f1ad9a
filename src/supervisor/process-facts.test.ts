import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hasEnvironment,
  isGroupAlive,
  parseProcStat,
  readResidentPageBytes,
  readStartTime,
  signalProcess,
} from './process-facts.ts'

const onLinux = { skip: process.platform !== 'linux' }

test('a name with brackets, spaces and a newline does not move the fields', () => {
  const rest =
    'S 1 77 77 0 -1 4194560 1 2 3 4 100 50 25 25 20 0 1 0 4242 1000 7 18446744073709551615 0'
  const facts = { pid: 77, group: 77, isZombie: false, startTime: '4242', cpuSeconds: 2 }
  assert.deepEqual(parseProcStat(`77 (a) R 1\n) ) ${rest}`), { ...facts, residentPages: 7 })
  assert.equal(parseProcStat(`77 (a) ${rest.replace('S', 'Z')}`)?.isZombie, true)
})

test('what is no stat line is null', () => {
  for (const text of ['', '77', '77 (a', '77 (a) S 1 2', '(a) S 1 2']) {
    assert.equal(parseProcStat(text), null)
  }
})

test('this process has a start time, a group and its environment', onLinux, () => {
  assert.match(readStartTime(process.pid), /^[0-9]+$/)
  assert.equal(readStartTime(2 ** 22 + 1), '')
  assert.ok(hasEnvironment(process.pid, 'PATH', process.env['PATH'] ?? ''))
  assert.ok(!hasEnvironment(process.pid, 'PATH', 'x'))
  assert.ok(!isGroupAlive(2 ** 22 + 1))
  assert.ok([4096, 16_384, 65_536].includes(readResidentPageBytes()))
})

test('a damaged pid never signals everybody', () => {
  for (const pid of [0, 1, -1, Number.NaN, 1.5]) assert.equal(signalProcess(pid, 'SIGKILL'), false)
})
