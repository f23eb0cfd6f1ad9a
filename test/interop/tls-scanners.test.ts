import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBackplane } from '../harness/backplane.ts'

const run = promisify(execFile)

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const skip = isThere('sslscan') ? false : 'sslscan is missing: npm run peers'

test(
  'sslscan finds TLS 1.2 and 1.3 with AEAD and forward secrecy, and nothing else',
  { skip },
  async () => {
    await using backplane = await startBackplane({
      config: `
name: scan
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
gateway: { routes: [{ path: /**, respond: { status: 200, body: "ok" } }] }
tls: local
`,
    })
    const { port } = new URL(`https://${backplane.ready.listen['gateway-tls']}`)
    const { stdout } = await run('sslscan', ['--no-colour', `localhost:${port}`])
    const enabled = [...stdout.matchAll(/^(SSLv\d|TLSv[\d.]+) +enabled/gm)].map(([, name]) => name)
    assert.deepEqual(enabled, ['TLSv1.2', 'TLSv1.3'])
    const suites = [...stdout.matchAll(/^(?:Preferred|Accepted) +(\S+) +\d+ bits +(\S+)/gm)]
    assert.ok(suites.length >= 6, stdout)
    for (const [, version, suite] of suites) {
      if (version === 'TLSv1.2') assert.match(suite!, /^ECDHE-ECDSA-(AES\d+-GCM|CHACHA20)/)
    }
    assert.match(stdout, /Server supports TLS Fallback SCSV/)
    assert.match(stdout, /Session renegotiation not supported/)
    assert.doesNotMatch(stdout, / vulnerable to heartbleed(?<!not vulnerable to heartbleed)/)
    assert.doesNotMatch(stdout, /ffdhe/)
  },
)
