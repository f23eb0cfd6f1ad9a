/** @grpc/grpc-js: `grpc.mjs server` serves and prints its port, `grpc.mjs client HOST:PORT` calls. Messages are bytes: no schema is needed. */
import assert from 'node:assert/strict'
import { load } from './load.mjs'

const grpc = load('@grpc/grpc-js')
const bytes = { serialize: (value) => value, deserialize: (value) => value }
const method = (name, requestStream, responseStream) => ({
  path: `/echo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
})
const service = {
  Unary: method('Unary', false, false),
  Many: method('Many', false, true),
  Collect: method('Collect', true, false),
  Chat: method('Chat', true, true),
  Fail: method('Fail', false, false),
  Hang: method('Hang', false, false),
}

function serve() {
  const server = new grpc.Server()
  server.addService(service, {
    Unary: (call, done) => {
      const trailer = new grpc.Metadata()
      trailer.set('x-end-bin', Buffer.from([1, 2, 3]))
      const head = new grpc.Metadata()
      head.set('x-deadline', String(Number(call.getDeadline())))
      call.sendMetadata(head)
      done(null, call.request, trailer)
    },
    Many: (call) => {
      for (let at = 0; at < 100; at++) call.write(call.request)
      call.end()
    },
    Collect: (call, done) => {
      let length = 0
      call.on('data', (part) => (length += part.length))
      call.on('end', () => done(null, Buffer.from(String(length))))
    },
    Chat: (call) => {
      call.on('data', (part) => call.write(part))
      call.on('end', () => call.end())
    },
    Fail: (_call, done) => done({ code: grpc.status.FAILED_PRECONDITION, details: 'nö: 100%' }),
    Hang: () => {},
  })
  const address = `127.0.0.1:${process.env.PORT ?? 0}`
  server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error
    process.stdout.write(`${port}\n`)
  })
}

async function call(target) {
  const Client = grpc.makeGenericClientConstructor(service, 'Echo')
  const client = new Client(target, grpc.credentials.createInsecure())
  const unary = (name, body, options = {}) =>
    new Promise((resolve, reject) => {
      const seen = {}
      const one = client[name](body, options, (error, reply) => {
        if (error) reject(error)
        else setImmediate(() => resolve({ reply, ...seen }))
      })
      one.on('metadata', (head) => (seen.head = head))
      one.on('status', ({ metadata }) => (seen.trailer = metadata))
    })
  const sizes = [0, 1, 16_379, 16_380, 100_000, 3_000_000]
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, at) => {
      const body = Buffer.alloc(sizes[at % sizes.length], at + 1)
      return unary('Unary', body).then((got) => assert.ok(got.reply.equals(body)) ?? got)
    }),
  )
  assert.deepEqual(replies[0].trailer.get('x-end-bin'), [Buffer.from([1, 2, 3])])
  const inTime = await unary('Unary', Buffer.from('x'), { deadline: Date.now() + 5_000 })
  const deadline = Number(inTime.head.get('x-deadline')[0])
  assert.ok(deadline > Date.now() && deadline < Date.now() + 5_500, 'the deadline is passed on')
  let count = 0
  for await (const part of client.Many(Buffer.alloc(10_000, 'm'))) count += part.length
  assert.equal(count, 1_000_000)
  const collected = await new Promise((resolve, reject) => {
    const stream = client.Collect((error, reply) => (error ? reject(error) : resolve(reply)))
    for (let at = 0; at < 50; at++) stream.write(Buffer.alloc(20_000, 'c'))
    stream.end()
  })
  assert.equal(String(collected), '1000000')
  const chat = client.Chat()
  const incoming = chat[Symbol.asyncIterator]()
  for (let at = 0; at < 20; at++) {
    chat.write(Buffer.from(`message ${at}`))
    assert.equal(String((await incoming.next()).value), `message ${at}`)
  }
  chat.end()
  assert.equal((await incoming.next()).done, true)
  await assert.rejects(unary('Fail', Buffer.from('x')), {
    code: grpc.status.FAILED_PRECONDITION,
    details: 'nö: 100%',
  })
  await assert.rejects(unary('Hang', Buffer.from('x'), { deadline: Date.now() + 300 }), {
    code: grpc.status.DEADLINE_EXCEEDED,
  })
  client.close()
  process.stdout.write('passed\n')
}

if (process.argv[2] === 'client') await call(process.argv[3])
else serve()
