import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { createPortChooser } from './free-port.ts'

test('ports that are chosen at the same time differ, and can be bound', async () => {
  const chooser = createPortChooser()
  const ports = await Promise.all(Array.from({ length: 20 }, () => chooser.choose()))
  assert.equal(new Set(ports).size, 20)
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(ports[0], '127.0.0.1', resolve)
  await promise
  server.close()
})

test('a port that was given a moment ago is not given again', async () => {
  const offers = [5, 5, 5, 6]
  const chooser = createPortChooser(async () => offers.shift() ?? 7)
  assert.deepEqual([await chooser.choose(), await chooser.choose()], [5, 6])
})

test('when the machine offers the same port for ever, that is an error', async () => {
  const chooser = createPortChooser(async () => 5)
  await chooser.choose()
  await assert.rejects(chooser.choose(), /no free loopback port/)
})
