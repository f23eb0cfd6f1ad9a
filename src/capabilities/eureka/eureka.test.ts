import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childOf, parseXml } from '../../mechanisms/xml/read.ts'
import { appsOf, instanceOf, listOf, openGround, ORDERS, register } from './testdata/ground.ts'

test('register, read, renew, cancel: statuses, and what others read', async (t) => {
  const ground = await openGround(t)
  assert.equal((await ground.send('GET', ORDERS)).status, 404)
  assert.equal((await ground.send('PUT', `${ORDERS}/one`)).status, 404)
  await register(ground, 'one')
  const instance = ground.discovery.instance('orders', 'one')
  assert.ok(instance?.isRoutable)
  assert.deepEqual(
    [instance.host, instance.port, instance.source, instance.origin, instance.lease?.ttlMs],
    ['10.0.0.1', 8080, 'eureka', 'registered', 90_000],
  )
  assert.deepEqual(instance.meta, { 'management.port': '8081' })
  const { application, apps__hashcode: hash, versions__delta: version } = await appsOf(ground)
  assert.deepEqual([hash, version, application[0]?.name], ['UP_1_', '1', 'ORDERS'])
  assert.deepEqual(application[0]?.instance[0], {
    ...instanceOf('one').instance,
    leaseInfo: {
      renewalIntervalInSecs: 30,
      durationInSecs: 90,
      registrationTimestamp: 1_700_000_000_000,
      lastRenewalTimestamp: 1_700_000_000_000,
      evictionTimestamp: 0,
      serviceUpTimestamp: 1_700_000_000_000,
    },
    actionType: 'ADDED',
  })
  for (const path of [`${ORDERS}/one`, '/eureka/v2/instances/one', '/eureka/apps/orders/one']) {
    const reply = await ground.send('GET', path)
    const body = reply.json() as { readonly instance: { readonly instanceId: string } }
    assert.equal(body.instance.instanceId, 'one', path)
  }
  assert.equal((await ground.send('PUT', `${ORDERS}/one?status=UP`)).status, 200)
  assert.equal((await ground.send('DELETE', `${ORDERS}/one`)).status, 200)
  assert.equal((await ground.send('DELETE', `${ORDERS}/one`)).status, 404)
  assert.equal((await ground.send('GET', `${ORDERS}/one`)).status, 404)
  assert.equal(ground.discovery.instance('orders', 'one'), undefined)
})

test('XML is what clients get who ask for nothing, and what they may send', async (t) => {
  const ground = await openGround(t)
  const body = `<?xml version="1.0"?><instance>
    <instanceId>x1</instanceId><hostName>billing.local</hostName><app>BILLING</app><ipAddr>10.0.0.9</ipAddr>
    <status>UP</status><overriddenstatus>UNKNOWN</overriddenstatus>
    <port enabled="true">7001</port><securePort enabled="false">7002</securePort><countryId>1</countryId>
    <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
    <leaseInfo><renewalIntervalInSecs>5</renewalIntervalInSecs><durationInSecs>15</durationInSecs></leaseInfo>
    <metadata class="java.util.Collections$EmptyMap"/><vipAddress>billing,accounts</vipAddress>
  </instance>`
  assert.equal((await ground.send('POST', '/eureka/v2/apps/BILLING', { body })).status, 204)
  const instance = ground.discovery.instance('billing', 'x1')
  assert.deepEqual([instance?.host, instance?.port], ['billing.local', 7001])
  assert.equal(instance?.lease?.ttlMs, 15_000)
  const reply = await ground.send('GET', '/eureka/apps', { accept: '' })
  assert.equal(reply.field('content-type'), 'application/xml')
  const root = parseXml(reply.body)
  assert.equal(childOf(root, 'apps__hashcode')?.text, 'UP_1_')
  const app = childOf(root, 'application')
  const shown = app && childOf(app, 'instance')
  assert.ok(shown)
  assert.equal(childOf(shown, 'port')?.attributes.get('enabled'), 'true')
  assert.equal(childOf(shown, 'port')?.text, '7001')
  assert.equal(childOf(shown, 'overriddenstatus')?.text, 'UNKNOWN')
  const vip = await ground.send('GET', '/eureka/vips/accounts', { accept: 'application/xml' })
  assert.match(vip.body, /<instanceId>x1<\/instanceId>/)
  assert.equal((await ground.send('GET', '/eureka/vips/nobody')).status, 404)
  assert.equal((await ground.send('GET', '/eureka/svips/accounts')).status, 404)
})

test('what is missing is said in the words of the original; what cannot be read is refused', async (t) => {
  const ground = await openGround(t)
  const refused = async (more: object, message: RegExp, app = 'ORDERS'): Promise<void> => {
    const body = instanceOf('one', more)
    const reply = await ground.send('POST', `/eureka/apps/${app}`, { body })
    assert.equal(reply.status, 400, reply.body)
    assert.match(reply.body, message)
  }
  await refused({ instanceId: undefined, hostName: '' }, /^Missing instanceId$/)
  await refused({ hostName: undefined }, /^Missing hostname$/)
  await refused({ ipAddr: undefined }, /^Missing ip address$/)
  await refused({ app: undefined }, /^Missing appName$/)
  await refused({ dataCenterInfo: undefined }, /^Missing dataCenterInfo$/)
  await refused({ dataCenterInfo: { '@class': 'x' } }, /^Missing dataCenterInfo Name$/)
  await refused({}, /^Mismatched appName, expecting BILLING but was ORDERS$/, 'BILLING')
  await refused({ port: { $: 70_000, '@enabled': 'true' } }, /70000 is not a whole number/)
  await refused({ leaseInfo: { durationInSecs: 0 } }, /0 is not a whole number from 1/)
  await refused({ homePageUrl: 'x'.repeat(5_000) }, /fieldCharactersMax/)
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, 'v']))
  await refused({ metadata: many }, /metadataMax/)
  await refused({ metadata: { big: 'x'.repeat(40_000) } }, /documentCharactersMax/)
  await refused({ instanceId: 'a\u0000b' }, /id/)
  for (const body of [
    '',
    '{',
    '[]',
    '{"instance":1}',
    '<a/>',
    '<instance>',
    'null',
    '{"instance":null}',
  ]) {
    const reply = await ground.send('POST', ORDERS, { body })
    assert.equal(reply.status, 400, body)
  }
  const bomb = `<!DOCTYPE a [<!ENTITY b "bb">]><instance><app>&b;</app></instance>`
  const reply = await ground.send('POST', ORDERS, { body: bomb })
  assert.match(reply.body, /document type/)
  assert.equal((await ground.send('GET', '/eureka/apps/%zz')).status, 400)
  assert.equal((await ground.send('PATCH', ORDERS)).status, 405)
  assert.equal((await ground.send('GET', '/eureka/nothing/of/this')).status, 404)
  assert.equal((await ground.send('GET', '/')).status, 404)
  assert.equal((await ground.send('POST', '/eureka/peerreplication/batch/')).status, 501)
  assert.deepEqual(await listOf(ground), [])
})

test('names of JavaScript’s own are names like others', async (t) => {
  const ground = await openGround(t)
  const more = { app: 'CONSTRUCTOR', metadata: { constructor: 'a', hasOwnProperty: 'b' } }
  const body = instanceOf('__proto__', more)
  const reply = await ground.send('POST', '/eureka/apps/CONSTRUCTOR', { body })
  assert.equal(reply.status, 204, reply.body)
  assert.deepEqual(await listOf(ground), ['CONSTRUCTOR __proto__ UP'])
  assert.equal((await ground.send('GET', '/eureka/apps/TOSTRING')).status, 404)
  assert.equal((await ground.send('GET', '/eureka/constructor')).status, 404)
})

test('as eureka-js-client sends it: no instance id, the name in small letters', async (t) => {
  const ground = await openGround(t)
  const instance = {
    app: 'jqservice',
    hostName: 'localhost',
    ipAddr: '127.0.0.1',
    statusPageUrl: 'http://localhost:8080',
    port: { $: 8080, '@enabled': 'true' },
    vipAddress: 'jq.test.something.com',
    dataCenterInfo: {
      '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
      name: 'MyOwn',
    },
    status: 'UP',
  }
  const path = '/eureka/v2/apps/jqservice'
  assert.equal((await ground.send('POST', path, { body: { instance } })).status, 204)
  assert.equal((await ground.send('PUT', `${path}/localhost`)).status, 200)
  assert.deepEqual(await listOf(ground, '/eureka/v2/apps/'), ['JQSERVICE localhost UP'])
  assert.equal((await ground.send('DELETE', `${path}/localhost`)).status, 200)
})

test('a lease of 90 s is 90 s; a heartbeat that comes later is told to register again', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one')
  ground.clock.advance(60_000)
  assert.equal((await ground.send('PUT', `${ORDERS}/one`)).status, 200)
  ground.clock.advance(89_999)
  assert.deepEqual(await listOf(ground), ['ORDERS one UP'])
  ground.clock.advance(1)
  assert.deepEqual(await listOf(ground), [])
  assert.equal((await ground.send('PUT', `${ORDERS}/one`)).status, 404)
})

test('whoever changed since must register again; what is older changes nothing', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one', { lastDirtyTimestamp: '2000', status: 'STARTING' })
  const heartbeat = (at: string) => ground.send('PUT', `${ORDERS}/one?lastDirtyTimestamp=${at}`)
  assert.equal((await heartbeat('2000')).status, 200)
  assert.equal((await heartbeat('1999')).status, 200)
  assert.equal((await heartbeat('2001')).status, 404)
  assert.deepEqual(await listOf(ground), ['ORDERS one STARTING'])
  assert.equal(ground.discovery.instance('orders', 'one')?.isRoutable, false)
  await register(ground, 'one', { lastDirtyTimestamp: '2001' })
  assert.deepEqual(await listOf(ground), ['ORDERS one UP'])
  assert.equal(ground.discovery.instance('orders', 'one')?.isRoutable, true)
  await register(ground, 'one', { lastDirtyTimestamp: '1000', status: 'DOWN' })
  assert.deepEqual(await listOf(ground), ['ORDERS one UP'])
})

test('statuses are overridden, and no longer', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one')
  const status = `${ORDERS}/one/status`
  const shown = async (): Promise<readonly unknown[]> => {
    const [app] = (await appsOf(ground)).application
    const one = app?.instance[0]
    const { isRoutable } = ground.discovery.instance('orders', 'one') ?? {}
    return [one?.['status'], one?.['overriddenStatus'], isRoutable]
  }
  for (const value of ['OUT_OF_SERVICE', 'DOWN', 'STARTING', 'UNKNOWN']) {
    assert.equal((await ground.send('PUT', `${status}?value=${value}`)).status, 200)
    assert.deepEqual(await shown(), [value, value, false])
  }
  assert.equal((await ground.send('PUT', `${ORDERS}/one`)).status, 200)
  assert.equal((await ground.send('PUT', `${status}?value=UP`)).status, 200)
  assert.deepEqual(await shown(), ['UP', 'UNKNOWN', true])
  await ground.send('PUT', `${status}?value=OUT_OF_SERVICE`)
  assert.equal((await ground.send('DELETE', `${status}?value=UP`)).status, 200)
  assert.deepEqual(await shown(), ['UP', 'UNKNOWN', true])
  await ground.send('PUT', `${status}?value=OUT_OF_SERVICE`)
  assert.equal((await ground.send('DELETE', status)).status, 200)
  assert.deepEqual(await shown(), ['UNKNOWN', 'UNKNOWN', false])
  assert.equal((await ground.send('PUT', `${ORDERS}/one`)).status, 404, 'only it knows how it is')
  await register(ground, 'one')
  assert.deepEqual(await shown(), ['UP', 'UNKNOWN', true])
  assert.equal((await ground.send('PUT', `${status}?value=SLEEPY`)).status, 500)
  assert.equal((await ground.send('PUT', `${ORDERS}/two/status?value=UP`)).status, 404)
  assert.equal((await ground.send('DELETE', `${ORDERS}/two/status`)).status, 404)
})

test('an override outlives the registration, and what an instance says of itself weighs more', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one')
  await ground.send('PUT', `${ORDERS}/one/status?value=OUT_OF_SERVICE`)
  await register(ground, 'one', { lastDirtyTimestamp: '1800000000000' })
  assert.deepEqual(await listOf(ground), ['ORDERS one OUT_OF_SERVICE'])
  await register(ground, 'one', { lastDirtyTimestamp: '1800000000001', status: 'DOWN' })
  assert.deepEqual(await listOf(ground), ['ORDERS one DOWN'])
})

test('metadata is added to', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one')
  const reply = await ground.send('PUT', `${ORDERS}/one/metadata?zone=a&management.port=9&x=%3D%26`)
  assert.equal(reply.status, 200)
  const [app] = (await appsOf(ground)).application
  assert.deepEqual(app?.instance[0]?.['metadata'], { 'management.port': '9', zone: 'a', x: '=&' })
  assert.equal((await ground.send('PUT', `${ORDERS}/two/metadata?a=b`)).status, 404)
})

test('a delta has what changed in three minutes, once, and the hash of everything', async (t) => {
  const ground = await openGround(t)
  const delta = async (): Promise<readonly string[]> => {
    const { application, apps__hashcode: hash } = await appsOf(ground, '/eureka/apps/delta')
    const all = application.flatMap(({ instance }) =>
      instance.map(
        (one) =>
          `${String(one['instanceId'])} ${String(one['status'])} ${String(one['actionType'])}`,
      ),
    )
    return [hash, ...all]
  }
  await register(ground, 'one')
  await register(ground, 'two')
  assert.deepEqual(await delta(), ['UP_2_', 'one UP ADDED', 'two UP ADDED'])
  ground.clock.advance(60_000)
  await ground.send('PUT', `${ORDERS}/one`)
  await ground.send('PUT', `${ORDERS}/two/status?value=OUT_OF_SERVICE`)
  assert.deepEqual(await delta(), [
    'OUT_OF_SERVICE_1_UP_1_',
    'one UP ADDED',
    'two OUT_OF_SERVICE MODIFIED',
  ])
  await ground.send('DELETE', `${ORDERS}/two`)
  assert.deepEqual(await delta(), ['UP_1_', 'one UP ADDED', 'two OUT_OF_SERVICE DELETED'])
  for (let i = 0; i < 5; i++) {
    ground.clock.advance(30_000)
    await ground.send('PUT', `${ORDERS}/one`)
  }
  assert.deepEqual(await delta(), ['UP_1_', 'two OUT_OF_SERVICE DELETED'])
  ground.clock.advance(60_000)
  assert.deepEqual(await delta(), ['UP_1_'])
})

test('a delta of other instances with the same hash is another version', async (t) => {
  const ground = await openGround(t)
  const versionOf = async (): Promise<string> =>
    (await appsOf(ground, '/eureka/apps/delta')).versions__delta
  await register(ground, 'one')
  const first = await versionOf()
  assert.equal(await versionOf(), first)
  await ground.send('DELETE', `${ORDERS}/one`)
  await register(ground, 'two')
  assert.ok(Number(await versionOf()) > Number(first))
})

test('everybody is seen, wherever they come from', async (t) => {
  const ground = await openGround(t)
  const spec = { service: 'legacy', id: 'l1', host: 'localhost', port: 9000 }
  ground.discovery.putInstance(spec, { origin: 'at', checks: [] })
  await register(ground, 'one')
  assert.deepEqual(await listOf(ground), ['LEGACY l1 UP', 'ORDERS one UP'])
  const [app] = (await appsOf(ground, '/eureka/vips/legacy')).application
  assert.equal(app?.instance[0]?.['ipAddr'], '127.0.0.1')
  ground.discovery.setDraining('legacy', 'l1', true)
  assert.deepEqual(await listOf(ground), ['LEGACY l1 OUT_OF_SERVICE', 'ORDERS one UP'])
  const cancelled = await ground.send('DELETE', '/eureka/apps/LEGACY/l1')
  assert.equal(cancelled.status, 409, 'it comes from the file')
})

test('after a restart everything is there, with its whole lease', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one', { metadata: { zone: 'a' } })
  await register(ground, 'two', { status: 'DOWN' })
  await ground.send('PUT', `${ORDERS}/one/status?value=OUT_OF_SERVICE`)
  ground.clock.advance(80_000)
  await ground.stop()
  const again = await openGround(t, {}, ground)
  assert.deepEqual(await listOf(again), ['ORDERS one OUT_OF_SERVICE', 'ORDERS two DOWN'])
  again.clock.advance(80_000)
  assert.equal((await again.send('PUT', `${ORDERS}/one`)).status, 200)
  const [app] = (await appsOf(again)).application
  assert.deepEqual(app?.instance[0]?.['metadata'], { zone: 'a' })
})

test('answers are written once a change, and never old', async (t) => {
  const ground = await openGround(t)
  await register(ground, 'one')
  const first = (await ground.send('GET', '/eureka/apps')).body
  assert.equal((await ground.send('GET', '/eureka/apps')).body, first)
  await register(ground, 'two')
  assert.deepEqual(await listOf(ground), ['ORDERS one UP', 'ORDERS two UP'])
})
