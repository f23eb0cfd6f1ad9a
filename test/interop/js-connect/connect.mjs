/** Connect's clients and server: `connect.mjs server` serves gRPC only and prints its port; `connect.mjs client URL` calls it as gRPC, and as gRPC-web as a page does. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import { load } from './load.mjs'

const { create, createFileRegistry } = load('@bufbuild/protobuf')
const {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  StringValueSchema,
  file_google_protobuf_wrappers,
} = load('@bufbuild/protobuf/wkt')
const { Code, ConnectError, createClient } = load('@connectrpc/connect')
const { connectNodeAdapter, createGrpcTransport } = load('@connectrpc/connect-node')
const { createGrpcWebTransport } = load('@connectrpc/connect-web')

const text = '.google.protobuf.StringValue'
const method = (name, clientStreaming, serverStreaming) => ({
  name,
  inputType: text,
  outputType: text,
  clientStreaming,
  serverStreaming,
})
const own = create(FileDescriptorProtoSchema, {
  name: 'echo.proto',
  package: 'echo',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'Echo',
      method: [
        method('Unary', false, false),
        method('Many', false, true),
        method('Chat', true, true),
        method('Fail', false, false),
        method('Hang', false, false),
      ],
    },
  ],
})
const files = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, own] })
const Echo = createFileRegistry(files).getService('echo.Echo')
const message = (value) => create(StringValueSchema, { value })

const handlers = {
  unary: (request, context) => {
    context.responseHeader.set('x-type', context.requestHeader.get('content-type'))
    context.responseTrailer.set('x-tail', 'end')
    return message(request.value)
  },
  async *many(request) {
    for (let at = 0; at < 100; at++) yield message(`${request.value} ${at}`)
  },
  async *chat(requests) {
    for await (const { value } of requests) yield message(value)
  },
  fail: () => {
    throw new ConnectError('nö: 100%', Code.FailedPrecondition)
  },
  hang: () => new Promise(() => {}),
}

function serve() {
  const adapter = connectNodeAdapter({
    grpcWeb: false,
    connect: false,
    routes: (router) => router.service(Echo, handlers),
  })
  const server = createServer(adapter).listen(0, '127.0.0.1', () => {
    process.stdout.write(`${server.address().port}\n`)
  })
}

async function callAll(transport, type, hasChat) {
  const client = createClient(Echo, transport)
  let head
  let tail
  const said = await client.unary(message('hällo'), {
    onHeader: (headers) => (head = headers),
    onTrailer: (trailers) => (tail = trailers),
  })
  assert.equal(said.value, 'hällo')
  assert.match(head.get('x-type'), type)
  assert.equal(tail.get('x-tail'), 'end')
  const large = 'x'.repeat(1_000_000)
  assert.equal((await client.unary(message(large))).value.length, large.length)
  const many = []
  for await (const { value } of client.many(message('n'))) many.push(value)
  assert.equal(many.length, 100)
  assert.equal(many.at(-1), 'n 99')
  await assert.rejects(client.fail(message('')), (error) => {
    assert.equal(error.code, Code.FailedPrecondition)
    assert.match(error.message, /nö: 100%/)
    return true
  })
  await assert.rejects(
    client.hang(message(''), { timeoutMs: 200 }),
    (error) => error.code === Code.DeadlineExceeded,
  )
  if (!hasChat) return
  async function* words() {
    for (const word of ['a', 'b', 'c']) yield message(word)
  }
  const heard = []
  for await (const { value } of client.chat(words())) heard.push(value)
  assert.deepEqual(heard, ['a', 'b', 'c'])
}

async function call(baseUrl) {
  const grpc = /^application\/grpc(?:\+proto)?$/
  await callAll(createGrpcTransport({ baseUrl }), grpc, true)
  await callAll(createGrpcWebTransport({ baseUrl, useBinaryFormat: true }), grpc, false)
  process.stdout.write('passed\n')
  process.exit(0)
}

if (process.argv[2] === 'server') serve()
else await call(process.argv[3])
