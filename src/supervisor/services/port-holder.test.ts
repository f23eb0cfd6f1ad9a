import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { findPortHolder, parseListeningInodes } from './port-holder.ts'

const skip = process.platform === 'linux' ? false : 'needs /proc (Linux)'

test(
  'the holder of a port has a pid, a name and a group, and is gone with its listener',
  { skip },
  async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    const holder = findPortHolder(port)
    assert.equal(holder?.pid, process.pid)
    assert.match(holder?.name ?? '', /^(node|MainThread)/)
    assert.notEqual(holder?.group, 0)
    await new Promise((resolve) => void server.close(resolve))
    assert.equal(findPortHolder(port), null)
  },
)

test('beside a thousand connections whoever listens is found', { skip }, async (t) => {
  const [busy, last] = [createServer(() => {}), createServer()]
  const [at, wanted] = await Promise.all(
    [busy, last].map(async (server) => {
      server.listen({ host: '127.0.0.1', port: 0 })
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }),
  )
  const clients = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const client = connect(at!, '127.0.0.1')
      await once(client, 'connect')
      return client
    }),
  )
  t.after(() => {
    for (const client of clients) client.destroy()
    busy.close()
    last.close()
  })
  assert.equal(findPortHolder(wanted!)?.pid, process.pid)
  assert.equal(findPortHolder(at!)?.pid, process.pid)
})

test('only what listens counts, on loopback and on every address', () => {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const row = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 x 100 0 0 10 0`
  const table = [
    head,
    row('0100007F:1F90', '0A', 1),
    row('00000000:1F90', '0A', 2),
    row('0100007F:1F90', '06', 3),
    row('0100007F:1F91', '0A', 4),
    // 10.0.0.5 is another address: it is not asked by whoever connects to loopback.
    row('0500000A:1F90', '0A', 5),
    row('00000000000000000000000001000000:1F90', '0A', 6),
    row('0000000000000000FFFF00000100007F:1F90', '0A', 7),
    row('00000000000000000000000000000000:1F90', '0A', 8),
    row('B80D0120000000000000000001000000:1F90', '0A', 9),
    '',
  ].join('\n')
  assert.deepEqual(parseListeningInodes(table, 8080), ['1', '2', '6', '7', '8'])
})
