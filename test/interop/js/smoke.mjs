// Says which clients are installed, and gets one key by the client named consul.
import { load } from './load.mjs'

const Consul = load('consul')
load('eureka-js-client')
const consul = new Consul({ host: '127.0.0.1', port: Number(process.argv[2]) })
const found = await consul.kv.get('greeting')
process.stdout.write(JSON.stringify({ consul: load('consul/package.json').version, ...found }))
