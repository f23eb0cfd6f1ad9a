import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBackplane } from '../harness/backplane.ts'

const run = promisify(execFile)

/** What is no business of a gateway: headers of applications, DNS, and the revocation of a private authority. */
const NOT_OURS = ['security_headers', 'DNS_CAArecord', 'cert_revocation', 'engine_problem']
const FINE = ['OK', 'INFO', 'LOW']

function isThere(): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v testssl'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const skip = isThere() ? false : 'testssl is missing: npm run peers'

test('testssl finds nothing above low', { skip }, async () => {
  await using backplane = await startBackplane({
    config: `
name: scan
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
gateway: { routes: [{ path: /**, respond: { status: 200, body: "ok" } }] }
tls: { local: true, hsts: 365d }
`,
  })
  const { port } = new URL(`https://${backplane.ready.listen['gateway-tls']}`)
  const authority = join(backplane.folder, '.backplane/certificates/local/authority.pem')
  const out = join(backplane.folder, 'findings.json')
  const how = ['--quiet', '--warnings', 'off', '--color', '0', '--ip', '127.0.0.1']
  const where = ['--add-ca', authority, '--jsonfile', out, `localhost:${port}`]
  // It ends with another code than 0 where it has found something, however little.
  await run('testssl', [...how, ...where], { maxBuffer: 1 << 26 }).catch(() => undefined)
  const findings = JSON.parse(await readFile(out, 'utf8')) as {
    readonly id: string
    readonly severity: string
    readonly finding: string
  }[]
  assert.ok(findings.length > 100)
  const bad = findings.filter(
    ({ id, severity }) => !FINE.includes(severity) && !NOT_OURS.includes(id),
  )
  assert.deepEqual(bad, [])
})
