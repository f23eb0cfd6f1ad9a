// The life of an instance by the package eureka-js-client: registers, is found, renews, sees others come and go, and leaves.
// Arguments: port of Eureka, port that it serves. Says each step on a line, and takes steps from stdin: `heartbeat`, `apps`, `stop`.
import { createInterface } from 'node:readline'
import { load } from './load.mjs'

const { Eureka } = load('eureka-js-client')
const [eurekaPort, port, delta] = process.argv.slice(2)
const client = new Eureka({
  shouldUseDelta: delta === 'delta',
  instance: {
    app: 'jqservice',
    hostName: 'localhost',
    ipAddr: '127.0.0.1',
    statusPageUrl: `http://localhost:${port}`,
    port: { $: Number(port), '@enabled': 'true' },
    vipAddress: 'jq.test.something.com',
    dataCenterInfo: {
      '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
      name: 'MyOwn',
    },
  },
  eureka: {
    host: '127.0.0.1',
    port: Number(eurekaPort),
    servicePath: '/eureka/apps/',
    heartbeatInterval: 200,
    registryFetchInterval: 200,
    maxRetries: 0,
  },
})
client.logger.level('warn')
const say = (line) => process.stdout.write(`${line}\n`)
for (const event of ['started', 'registered', 'heartbeat', 'deregistered']) {
  client.on(event, () => say(event))
}
let before = ''
// It tells of full reads only, so its cache is looked at.
const look = () => {
  const apps = ['JQSERVICE', 'OTHER']
    .map(
      (app) =>
        `${app}=${client
          .getInstancesByAppId(app)
          .map(({ instanceId, status }) => `${instanceId}:${status}`)
          .join()}`,
    )
    .join(' ')
  const vip = client.getInstancesByVipAddress('jq.test.something.com').length
  const line = `apps ${apps} vip=${vip}`
  if (line !== before) say(line)
  before = line
}
setInterval(look, 50)
client.start((error) => say(error ? `failed ${error.message}` : 'ready'))
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop')
    client.stop((error) => {
      say(error ? `failed ${error.message}` : 'stopped')
      process.exit(0)
    })
})
