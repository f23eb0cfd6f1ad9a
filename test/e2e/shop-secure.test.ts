import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBackplane, until } from '../harness/backplane.ts'

const run = promisify(execFile)
const shop = join(import.meta.dirname, '../../examples/shop')

test('the shop serves HTTPS by its own authority, and its catalog calls stock by gRPC through an outbound listener', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-shop-'))
  cpSync(shop, folder, { recursive: true })
  const config = readFileSync(join(shop, 'backplane.yaml'), 'utf8')
  const running = await startBackplane({
    config: `listen: { default: off, gateway: 0, gateway-tls: 0, console: 0, consul: 0 }\n${config}`,
    folder,
  })
  t.after(() => running.stop())
  const { port } = new URL(`https://${running.ready.listen['gateway-tls']}`)
  const ca = join(folder, '.backplane/certificates/local/authority.pem')
  const curl = async (path: string): Promise<string> => {
    const told = ['-w', '\n%{http_version} %{http_code}']
    const url = `https://localhost:${port}${path}`
    const { stdout } = await run('curl', ['-sS', '--cacert', ca, ...told, url])
    return stdout
  }
  const answer = await until(async () => {
    const text = await curl('/api/catalog/products/kite').catch(() => '')
    return text.endsWith('2 200') && text
  }, 'the catalog over HTTPS')
  assert.match(answer, /"id":"kite"/)
  const requests = (await (await fetch(`${running.admin}/api/v1/requests?limit=50`)).json()) as {
    listener: string
    caller: string
    service: string
    protocol: string
    target: string
    status: number
  }[]
  const call = requests.find(({ caller, service }) => caller === 'catalog' && service === 'stock')
  assert.ok(call !== undefined, JSON.stringify(requests.slice(0, 5)))
  assert.equal(call.listener, 'outbound/catalog/stock')
  assert.equal(call.protocol, 'http/2')
  assert.match(call.target, /^\/shop\.Stock\//)
  assert.equal(call.status, 200)
})
