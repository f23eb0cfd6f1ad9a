/**
 * Registers a service in Eureka, as a team does whose services find each other there: by its REST operations alone. Backplane says where it is in the
 * environment; without the variable (or anybody there) the service works all the same.
 */
import { log } from './service.mjs'

const heartbeatMs = 10_000

/** Registers what `server` listens on, renews it, and cancels it when the service is told to end. */
export function registerInEureka(name, server) {
  const zone = process.env.EUREKA_CLIENT_SERVICEURL_DEFAULTZONE
  if (zone === undefined) return
  const app = name.toUpperCase()
  const send = (method, path, body) =>
    fetch(`${zone}apps/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(2_000),
    })
  let instance

  async function register() {
    const { status } = await send('POST', app, { instance })
    log('info', name, 'registered in Eureka', { status })
  }

  async function renew() {
    const { status } = await send('PUT', `${app}/${instance.instanceId}?status=UP`)
    if (status === 404) await register()
  }

  const quietly = (promise) =>
    promise.catch((error) =>
      log('warn', name, 'Eureka cannot be reached', { error: String(error) }),
    )

  server.once('listening', () => {
    const { port } = server.address()
    instance = {
      instanceId: `127.0.0.1:${name}:${port}`,
      app,
      hostName: '127.0.0.1',
      ipAddr: '127.0.0.1',
      status: 'UP',
      port: { $: port, '@enabled': 'true' },
      vipAddress: name,
      healthCheckUrl: `http://127.0.0.1:${port}/health`,
      metadata: { language: 'JavaScript' },
      leaseInfo: { renewalIntervalInSecs: heartbeatMs / 1_000, durationInSecs: 30 },
      dataCenterInfo: {
        '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
        name: 'MyOwn',
      },
      lastDirtyTimestamp: String(Date.now()),
    }
    void quietly(register())
  })
  const beat = setInterval(() => instance !== undefined && void quietly(renew()), heartbeatMs)
  beat.unref()
  process.once('SIGTERM', () => {
    clearInterval(beat)
    if (instance !== undefined) void quietly(send('DELETE', `${app}/${instance.instanceId}`))
  })
}
