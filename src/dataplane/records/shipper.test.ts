import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  type ChangesMessage,
  encodeTelemetryFrame,
  TELEMETRY_FRAME,
  TelemetryFrameReader,
} from '../../contracts/telemetry.ts'
import { systemClock } from '../../platform/clock.ts'
import { RecordShipper, SHIPPER_IN_FLIGHT_BYTES_MAX, SHIPPER_QUEUE_BYTES_MAX } from './shipper.ts'

const changes: ChangesMessage = { type: 'changes', atMs: 1, edges: [], instances: [] }

/** A telemetry that takes what comes and acknowledges when it is told to. */
class Telemetry {
  readonly frames: { readonly kind: number; readonly payload: Buffer }[] = []
  readonly #server: Server
  #socket: Socket | null = null
  #heard = Promise.withResolvers<void>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#socket = socket
      const reader = new TelemetryFrameReader((kind, payload) => {
        this.frames.push({ kind, payload })
        this.#wake()
      })
      socket.on('data', (chunk: Buffer) => reader.feed(chunk))
      socket.on('error', () => {})
      this.#wake()
    })
  }

  static async listen(path: string): Promise<Telemetry> {
    const server = createServer()
    const telemetry = new Telemetry(server)
    server.listen(path)
    await once(server, 'listening')
    return telemetry
  }

  #wake(): void {
    this.#heard.resolve()
    this.#heard = Promise.withResolvers()
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#heard.promise
  }

  /** Numbers of the batches that have come. */
  get batches(): readonly number[] {
    return this.frames
      .filter(({ kind }) => kind === TELEMETRY_FRAME.records)
      .map(({ payload }) => payload.readUInt32BE(2))
  }

  acknowledge(count: number): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(count)
    this.#socket!.write(encodeTelemetryFrame(TELEMETRY_FRAME.acknowledge, bytes))
  }

  pause(): void {
    this.#socket!.pause()
  }

  say(bytes: Buffer): void {
    this.#socket!.write(bytes)
  }

  die(): void {
    this.#server.close()
    this.#socket?.destroy()
  }
}

function start(t: TestContext): {
  readonly shipper: RecordShipper
  readonly path: string
  readonly connections: () => number
  readonly losses: () => number
} {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-ship-'))
  const path = join(folder, 'records.sock')
  let connectionCount = 0
  let lostCount = 0
  const shipper = new RecordShipper({
    socketPath: path,
    clock: systemClock,
    log: () => {},
    connected: () => void connectionCount++,
    lost: () => void lostCount++,
  })
  t.after(() => {
    shipper.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { shipper, path, connections: () => connectionCount, losses: () => lostCount }
}

function batch(number: number, bytes = 64 * 1024): Buffer {
  const made = Buffer.alloc(bytes)
  made.writeUInt32BE(number)
  return made
}

test('batches come in order, behind hello; what is not acknowledged comes again after telemetry died', async (t) => {
  const { shipper, path, connections } = start(t)
  shipper.ship(1, batch(1), 10)
  const first = await Telemetry.listen(path)
  await first.until(() => first.batches.length === 1)
  shipper.ship(1, batch(2), 10)
  shipper.ship(1, batch(3), 10)
  await first.until(() => first.batches.length === 3)
  assert.equal(first.frames[0]?.kind, TELEMETRY_FRAME.hello)
  first.acknowledge(2)
  first.die()
  const second = await Telemetry.listen(path)
  t.after(() => second.die())
  await second.until(() => second.batches.length === 1)
  assert.deepEqual(second.batches, [3])
  assert.deepEqual([connections(), shipper.droppedCount], [2, 0])
  second.acknowledge(1)
})

test('a telemetry that does not acknowledge is sent no more than the bound, and the oldest that waits is dropped', async (t) => {
  const { shipper, path } = start(t)
  const telemetry = await Telemetry.listen(path)
  t.after(() => telemetry.die())
  const bytes = 64 * 1024
  const count = (2 * SHIPPER_QUEUE_BYTES_MAX) / bytes
  for (let number = 0; number < count; number++) shipper.ship(0, batch(number), 7)
  const sentMax = SHIPPER_IN_FLIGHT_BYTES_MAX / bytes
  await telemetry.until(() => telemetry.batches.length >= sentMax)
  assert.ok(telemetry.batches.length <= sentMax + 1)
  assert.ok(shipper.queueBytes <= SHIPPER_QUEUE_BYTES_MAX)
  assert.ok(shipper.droppedCount >= 7 * (count / 2))
  // Everything that is left comes, and nothing twice.
  let taken = 0
  const left = count - shipper.droppedCount / 7
  while (taken < left) {
    await telemetry.until(() => telemetry.batches.length > taken)
    const more = telemetry.batches.length - taken
    taken += more
    telemetry.acknowledge(more)
  }
  assert.equal(new Set(telemetry.batches).size, left)
  assert.deepEqual(
    [...telemetry.batches],
    telemetry.batches.toSorted((a, b) => a - b),
  )
  assert.equal(telemetry.batches.at(-1), count - 1, 'the newest is kept')
})

test('a telemetry that does not read holds no more memory', async (t) => {
  const { shipper, path, connections } = start(t)
  const telemetry = await Telemetry.listen(path)
  t.after(() => telemetry.die())
  await telemetry.until(() => connections() === 1 && telemetry.frames.length === 1)
  telemetry.pause()
  for (let number = 0; number < 1_000; number++) shipper.ship(0, batch(number), 1)
  assert.ok(shipper.queueBytes <= SHIPPER_QUEUE_BYTES_MAX)
  assert.ok(shipper.droppedCount > 800)
})

test('changes are taken one second at a time, and are not sent again to a successor', async (t) => {
  const { shipper, path, connections, losses } = start(t)
  assert.equal(shipper.takesChanges, false, 'nobody is there')
  const telemetry = await Telemetry.listen(path)
  await telemetry.until(() => connections() === 1 && telemetry.frames.length === 1)
  assert.equal(shipper.takesChanges, true)
  shipper.tell([changes, changes])
  assert.equal(shipper.takesChanges, false)
  await telemetry.until(() => telemetry.frames.length === 3)
  assert.deepEqual(JSON.parse(telemetry.frames[1]!.payload.toString()), changes)
  telemetry.die()
  const second = await Telemetry.listen(path)
  t.after(() => second.die())
  await second.until(() => connections() === 2 && second.frames.length === 1)
  assert.equal(shipper.takesChanges, true)
  assert.deepEqual([shipper.queueBytes, losses()], [0, 1])
})

test('a telemetry that says something else is left, and tried again', async (t) => {
  const { shipper, path, connections } = start(t)
  const telemetry = await Telemetry.listen(path)
  t.after(() => telemetry.die())
  await telemetry.until(() => connections() === 1)
  telemetry.say(Buffer.alloc(8, 0xff))
  await telemetry.until(() => connections() === 2)
  telemetry.acknowledge(1_000_000)
  shipper.ship(0, batch(5), 1)
  await telemetry.until(() => telemetry.batches.length === 1)
})
