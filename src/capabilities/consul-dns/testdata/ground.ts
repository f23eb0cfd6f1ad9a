import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { CLASS, type DnsMessage, type DnsRecord } from '../../../mechanisms/dns/message.ts'
import { parseName } from '../../../mechanisms/dns/name.ts'
import { parseMessage } from '../../../mechanisms/dns/parse.ts'
import { encodeMessage } from '../../../mechanisms/dns/write.ts'
import { startStorage } from '../../../platform/storage/storage.ts'
import { settingsSchema } from '../../../settings.ts'
import { FakeClock, startOn, type Started } from '../../discovery/testdata/ground.ts'
import { Responder, type Response, type Transport } from '../responder.ts'
import type { ConsulDnsConfig } from '../settings.ts'
import { ToldServices } from '../../../platform/told.ts'
import { Zone } from '../zone.ts'

/** A registry and what answers from it. */
export interface Ground {
  readonly clock: FakeClock
  readonly discovery: Started['discovery']
  readonly responder: Responder
  readonly zone: Zone
  settings: ConsulDnsConfig
}

/** Without listeners: bytes in, bytes out. Chance has a seed. */
export async function openGround(t: TestContext, dns: object = {}): Promise<Ground> {
  const clock = new FakeClock(1_000_000)
  const storage = await startStorage({ file: ':memory:' })
  const started = await startOn(clock, storage)
  t.after(async () => {
    await started.stop()
    await storage.close()
  })
  const settings = dnsOf(dns)
  const zone = new Zone({
    registry: started.discovery,
    settings,
    clock,
    told: new ToldServices(clock),
  })
  t.after(zone.follow())
  const ground: Ground = {
    clock,
    discovery: started.discovery,
    zone,
    settings,
    responder: new Responder({
      zone,
      random: seeded(1),
      udpBytesMax: () => ground.settings.udpBytes,
      mayForward: () => ground.settings.recursors.length > 0,
    }),
  }
  return ground
}

/** The section `dns` of a file. */
export function dnsOf(dns: object, datacenter = 'dc1'): ConsulDnsConfig {
  const { dns: section } = settingsSchema.parse({ dns })
  return { ...section, datacenter, node: 'Board', address: '10.0.7.7' }
}

/** Of the file, without a check, so that it is in rotation. */
export function put(
  { discovery }: Pick<Ground, 'discovery'>,
  service: string,
  host: string,
  port: number,
  more: { readonly tags?: readonly string[]; readonly weight?: number } = {},
): void {
  const spec = { service, id: `${host}:${port}`, host, port, ...more }
  discovery.putInstance(spec, { origin: 'at', checks: [] })
}

/** A query as a client sends it. */
export function queryOf(name: string, type: number, udpBytesMax?: number): Buffer {
  const parsed = parseName(name)
  assert.ok(parsed)
  const bytes = encodeMessage(
    {
      id: 4711,
      isResponse: false,
      opcode: 0,
      isAuthoritative: false,
      isTruncated: false,
      isRecursionDesired: true,
      isRecursionAvailable: false,
      rcode: 0,
      questions: [{ name: parsed, type, class: CLASS.IN }],
      answers: [],
      authorities: [],
      additionals: [],
      edns: udpBytesMax === undefined ? undefined : { udpBytesMax, version: 0, isDnssecOk: false },
    },
    65_535,
  )
  assert.ok(bytes)
  return bytes
}

/** The reply to a query, read. */
export function ask(
  { responder }: Pick<Ground, 'responder'>,
  query: Buffer,
  transport: Transport = 'udp',
): { readonly message: DnsMessage; readonly bytes: Buffer } {
  const response: Response = responder.respond(query, transport)
  assert.equal(response.kind, 'reply')
  assert.ok(response.kind === 'reply')
  return { message: parseMessage(response.bytes), bytes: response.bytes }
}

/** `type value` of a record, as dig prints it. */
export function textOf({ data }: DnsRecord): string {
  switch (data.type) {
    case 'A':
      return `A ${data.address.join('.')}`
    case 'AAAA':
      return `AAAA ${Buffer.from(data.address).toString('hex')}`
    case 'SRV':
      return `SRV ${data.priority} ${data.weight} ${data.port} ${data.target.labels.join('.')}`
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return `${data.type} ${data.target.labels.join('.')}`
    case 'TXT':
      return `TXT ${data.texts.join('')}`
    case 'SOA':
      return `SOA ${data.primary.labels.join('.')} ${data.negativeS}`
    case 'OTHER':
      return `${data.number}`
    default:
      return data satisfies never
  }
}

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
