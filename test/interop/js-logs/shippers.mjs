/** Loggers and clients that know nothing of Backplane: each sends a few records to the address that it is given, and says `sent`. */
import { once } from 'node:events'
import { load } from './load.mjs'

const [which, address] = process.argv.slice(2)

const programs = {
  /** The bulk helper: one document in the middle cannot be a document. */
  async elasticsearch(name = '@elastic/elasticsearch') {
    const { Client } = load(name)
    const client = new Client({ node: address })
    const info = await client.info()
    await client.indices.putIndexTemplate({ name: 't', index_patterns: ['logs-*'] })
    const result = await client.helpers.bulk({
      datasource: Array.from({ length: 1_000 }, (_, at) => ({
        '@timestamp': new Date().toISOString(),
        message: `line ${at} of ${name}`,
        log: { level: at === 7 ? 'error' : 'info' },
        service: { name: `${name.slice(-3)}-bulk` },
        http: { response: { status_code: at === 7 ? 503 : 200 } },
      })),
      onDocument: () => ({ create: { _index: 'logs-shop-default' } }),
    })
    const one = await client.index({ index: 'shop', document: { message: 'a single one', n: 5 } })
    const mixed = await client.bulk({
      operations: [
        { index: { _index: 'shop' } },
        { message: 'good' },
        { delete: { _index: 'shop', _id: '1' } },
      ],
    })
    return [
      info.tagline,
      result.successful,
      result.failed,
      one.result,
      mixed.errors,
      ...mixed.items.map((item) => Object.values(item)[0].status),
    ].join(' ')
  },
  es8: () => programs.elasticsearch('es8'),
  async pinoElasticsearch() {
    const pino = load('pino')
    const stream = load('pino-elasticsearch')({
      index: 'pino',
      node: address,
      esVersion: 8,
      flushBytes: 100,
    })
    const log = pino({ level: 'debug' }, stream)
    log.warn({ user: 42, ctx: { cart: 'c1' } }, 'pino says %s', 'hello')
    stream.end()
    await once(stream, 'finish').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 500))
    return 'sent'
  },
  async pinoLoki() {
    const pino = load('pino')
    const { pinoLoki } = await import(load.resolve('pino-loki'))
    const stream = pinoLoki({ host: address, batching: false, labels: { app: 'pino-loki-app' } })
    const log = pino(stream)
    log.error({ order: 7 }, 'loki by pino')
    stream.end()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    return 'sent'
  },
  async winstonLoki() {
    const winston = load('winston')
    const LokiTransport = load('winston-loki')
    const transport = new LokiTransport({
      host: address,
      labels: { app: 'winston-loki-app' },
      format: winston.format.json(),
      batching: true,
      interval: 1,
    })
    const log = winston.createLogger({ level: 'debug', transports: [transport] })
    log.warn({ message: 'loki by winston', labels: { shop: 'a"b' } })
    // It hands lines on later, and knows of no end: an interval of its own, and some more.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    return 'sent'
  },
  async splunk() {
    const { Logger } = load('splunk-logging')
    const log = new Logger({ token: 'any', url: address, level: 'info' })
    const answered = await new Promise((resolve, reject) => {
      log.send(
        {
          message: { text: 'splunk says hello', level: 'error', amount: 5 },
          metadata: { source: 'shop', sourcetype: '_json', host: 'h7' },
          severity: 'error',
        },
        (error, _response, body) => (error ? reject(error) : resolve(body)),
      )
    })
    return JSON.stringify(answered)
  },
}

process.stdout.write(`${await programs[which]()}\n`)
process.exit(0)
