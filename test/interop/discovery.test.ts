import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { findGo, findGoTool, findJs, findPython } from './harness/clients.ts'
import { runProgram, startProgram } from './harness/programs.ts'

/** A Backplane whose Consul API listens on a free port. */
async function start(t: TestContext): Promise<{ running: Running; address: string; port: string }> {
  const running = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0, consul: 0 }\n',
  })
  t.after(() => running.stop())
  const address = running.ready.listen['consul'] ?? ''
  return { running, address, port: address.split(':').at(-1) ?? '' }
}

test('the Go client of HashiCorp registers every kind of check, blocks, watches and filters', async (t) => {
  const client = await findGo(t, 'discovery')
  if (client === undefined) return
  const { address } = await start(t)
  assert.equal(await runProgram(client, { args: [address] }), 'done')
})

test('the npm client: agent, catalog, health and its watch', async (t) => {
  const client = await findJs(t, 'discovery')
  if (client === undefined) return
  const { port } = await start(t)
  assert.equal(await runProgram(client, { args: [port] }), 'done')
})

test('python-consul: names in lower case, reports by GET', async (t) => {
  const client = await findPython(t, 'discovery', ['consul'])
  if (client === undefined) return
  const { port } = await start(t)
  assert.equal(await runProgram(client, { args: [port] }), 'done')
})

test('consul-template writes what is well, at each change', async (t) => {
  const tool = await findGoTool(t, 'github.com/hashicorp/consul-template')
  if (tool === undefined) return
  const { running, address } = await start(t)
  const template = join(running.folder, 'upstreams.ctmpl')
  const written = join(running.folder, 'upstreams.conf')
  await writeFile(
    template,
    '{{range service "web"}}server {{.Address}}:{{.Port}};\n{{end}}{{range services}}# {{.Name}} {{.Tags | join ","}}\n{{end}}',
  )
  const put = async (path: string, body?: object) => {
    const answer = await fetch(`http://${address}/v1/agent/${path}`, {
      method: 'PUT',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    assert.equal(answer.status, 200, await answer.text())
  }
  const web = (id: string, Port: number, Address: string) => ({
    ID: id,
    Name: 'web',
    Tags: ['v1'],
    Port,
    Address,
    Check: { TTL: '60s', Status: 'passing' },
  })
  await put('service/register', web('w1', 80, '10.0.0.1'))
  const args = ['-consul-addr', address, '-template', `${template}:${written}`, '-wait', '10ms']
  startProgram(t, tool, { args })
  let text = ''
  const reads = async (wanted: string) => {
    await until(async () => {
      text = await readFile(written, 'utf8').catch(() => '')
      return text === wanted
    }, `${wanted}instead of\n${text}`)
  }
  await reads('server 10.0.0.1:80;\n# web v1\n')
  await put('service/register', web('w2', 81, '10.0.0.2'))
  await reads('server 10.0.0.1:80;\nserver 10.0.0.2:81;\n# web v1\n')
  await put('check/fail/service:w1')
  await reads('server 10.0.0.2:81;\n# web v1\n')
  await put('service/deregister/w2')
  await reads('# web v1\n')
})
