import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { until } from '../harness/backplane.ts'
import { findGo, findGoTool, findJs, findPython } from './harness/clients.ts'
import { startConsulProcess } from './harness/consul-process.ts'
import { runProgram, startProgram, type Program } from './harness/programs.ts'

/** Clients that this project did not write, against our Consul API: keys, sessions, locks, transactions, tokens. */

async function passes(client: Program, ...args: readonly string[]): Promise<void> {
  assert.match(await runProgram(client, { args, withinMs: 120_000 }), /passed\n$/)
}

test('npm consul: keys, sessions, locks, watch', async (t) => {
  const client = await findJs(t, 'keys')
  if (client === undefined) return
  const { port } = await startConsulProcess(t)
  await passes(client, String(port))
})

test("Debian's python3-consul: keys, sessions, locks, blocking queries", async (t) => {
  const client = await findPython(t, 'keys', ['consul'])
  if (client === undefined) return
  const { port } = await startConsulProcess(t)
  await passes(client, String(port))
})

test('Go: Lock, Semaphore, transactions, sessions', async (t) => {
  const client = await findGo(t, 'locks')
  if (client === undefined) return
  const { address } = await startConsulProcess(t)
  await passes(client, address)
})

test('Go: tokens and policies', async (t) => {
  const client = await findGo(t, 'acl')
  if (client === undefined) return
  const { address } = await startConsulProcess(t, { section: ['acl: deny'] })
  await passes(client, address)
})

async function put(url: string, key: string, value: string): Promise<void> {
  const answer = await fetch(`${url}/v1/kv/${key}`, { method: 'PUT', body: value })
  assert.equal(await answer.text(), 'true')
}

/** What the template became. */
async function rendered(t: TestContext, file: string, text: string): Promise<void> {
  const read = (): string => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return ''
    }
  }
  await until(() => read() === text, `${text} in the file, which has ${read()}`, 20_000)
  t.diagnostic(`rendered ${text}`)
}

test('consul-template follows keys, also through a restart', async (t) => {
  const tool = await findGoTool(t, 'github.com/hashicorp/consul-template')
  if (tool === undefined) return
  const consul = await startConsulProcess(t)
  const [template, out] = [join(consul.folder, 'in.ctmpl'), join(consul.folder, 'out')]
  writeFileSync(
    template,
    '{{ key "app/name" }}:{{ range ls "list" }} {{ .Key }}={{ .Value }}{{ end }}',
  )
  await put(consul.url, 'app/name', 'one')
  await put(consul.url, 'list/a', '1')
  startProgram(t, tool, {
    args: ['-consul-addr', consul.address, '-template', `${template}:${out}`],
  })
  await rendered(t, out, 'one: a=1')
  await put(consul.url, 'list/b', '2')
  await rendered(t, out, 'one: a=1 b=2')
  await consul.kill()
  await consul.restart()
  await put(consul.url, 'app/name', 'two')
  await rendered(t, out, 'two: a=1 b=2')
})
