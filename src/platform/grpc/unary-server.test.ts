import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { GRPC_STATUS } from '../../mechanisms/grpc/grpc.ts'
import { systemClock } from '../clock.ts'
import type { TcpConnection } from '../listeners/opening.ts'
import { grpcOverTcp, type GrpcAnswer } from './unary-server.ts'

const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 3, 232]), Buffer.alloc(1_000)])

test('a call that is reset while it is answered holds its bytes until then', async (t) => {
  const begun: PromiseWithResolvers<GrpcAnswer>[] = []
  let asked = Promise.withResolvers<void>()
  const tcp = grpcOverTcp({
    clock: systemClock,
    messageBytesMax: 1_000,
    bytesMax: 1_500,
    answer() {
      const one = Promise.withResolvers<GrpcAnswer>()
      begun.push(one)
      asked.resolve()
      return one.promise
    },
  })
  const server = createServer((socket) => {
    const connection: TcpConnection = {
      address: '',
      write: (bytes) => void socket.write(bytes),
      end: () => void socket.end(),
    }
    socket.on('data', (chunk: Buffer) => void tcp.received(chunk, connection))
    socket.on('close', () => tcp.closed?.(connection))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(() => {
    session.destroy()
    server.close()
  })
  const call = () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/a/B',
      'content-type': 'application/grpc',
    })
    stream.resume()
    stream.end(MESSAGE)
    return stream
  }
  const statusOf = async (stream: ReturnType<typeof call>): Promise<number> => {
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>]
    return Number(trailers['grpc-status'])
  }
  const left = call()
  await asked.promise
  left.close(8)
  await once(left, 'close')
  assert.equal(await statusOf(call()), GRPC_STATUS.resourceExhausted)
  // Its answer frees them.
  begun[0]!.resolve({ status: GRPC_STATUS.ok })
  asked = Promise.withResolvers<void>()
  const next = statusOf(call())
  await asked.promise
  begun[1]!.resolve({ status: GRPC_STATUS.ok })
  assert.equal(await next, GRPC_STATUS.ok)
})
