import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startLocalWorker } from '../testing/local-worker.ts'
import { gatewaySpec, instanceSpec, routeSpec, serviceSpec } from '../testing/specs.ts'

const upstream = createServer((_request, response) => response.end('ok'))
const worker = startLocalWorker()

before(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const outbound = {
    kind: 'outbound',
    id: 'outbound',
    host: '127.0.0.1',
    port: 0,
    caller: 'a',
    service: 'echo',
  } as const
  const { listeners } = gatewaySpec()
  await worker.update(
    [
      { op: 'service', service: serviceSpec() },
      { op: 'instance', instance: instanceSpec(port) },
      {
        op: 'gateway',
        gateway: gatewaySpec({
          hosts: ['Known.example'.toLowerCase()],
          routes: [routeSpec(), routeSpec({ id: 'named', hosts: ['*.shop.example'] })],
          listeners: [...listeners, outbound],
        }),
      },
    ],
    true,
  )
})
after(() => {
  worker.close()
  upstream.closeAllConnections()
  upstream.close()
})

/** Status of a GET with these header lines. */
async function statusOf(listener: string, lines: readonly string[]): Promise<number> {
  const socket = connect(worker.port(listener), '127.0.0.1')
  socket.write(`GET /x HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return Number(text.slice(9, 12))
}

test('a gateway on loopback answers to local names, addresses, hosts of routes and gateway.hosts, and to no other', async () => {
  for (const host of [
    '127.0.0.1',
    'localhost:8080',
    '[::1]:8080',
    'a.localhost',
    '10.1.2.3',
    'known.example',
    'eu.shop.example',
  ]) {
    assert.equal(await statusOf('gateway', [`Host: ${host}`]), 200, host)
  }
  for (const host of [
    'evil.example',
    'shop.example',
    'xknown.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    assert.equal(await statusOf('gateway', [`Host: ${host}`]), 421, host)
  }
})

test('an outbound listener answers to local names and its service, and not to pages', async () => {
  for (const host of ['127.0.0.1', 'localhost', 'echo']) {
    assert.equal(await statusOf('outbound', [`Host: ${host}`]), 200, host)
  }
  assert.equal(await statusOf('outbound', ['Host: known.example']), 421)
  const foreign = ['Host: localhost', 'Origin: http://evil.example']
  assert.equal(await statusOf('outbound', foreign), 403)
  assert.equal(await statusOf('outbound', ['Host: localhost', 'Origin: null']), 403)
  assert.equal(
    await statusOf('outbound', [...foreign, 'X-Request-Id: 7']),
    200,
    'passed on by a service',
  )
  assert.equal(await statusOf('outbound', ['Host: localhost', 'Origin: http://localhost']), 200)
})
