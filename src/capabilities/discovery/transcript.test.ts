import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startStorage } from '../../platform/storage/storage.ts'
import type { Discovery } from './api.ts'
import { parseOverride, parseRegistration } from './registration.ts'
import { FakeClock, startOn } from './testdata/ground.ts'

type Command = (...words: string[]) => string | Promise<string>

function commandsOn(
  clock: FakeClock,
  current: () => Discovery,
  restart: () => Promise<void>,
): Record<string, Command> {
  let toldUpTo = 0
  const attempt = async (work: () => unknown) => {
    try {
      await work()
      return 'ok'
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  }
  return {
    register: (service = '', id = '', body = '{}') =>
      attempt(() => current().register(parseRegistration(service, id, JSON.parse(body), 30_000))),
    renew: (service = '', id = '') => (current().renew(service, id) ? 'ok' : 'unknown'),
    deregister: (service = '', id = '') => attempt(() => current().deregister(service, id)),
    override: (service = '', id = '', status = '') =>
      attempt(() => current().setOverride(service, id, parseOverride({ status }))),
    report: (service = '', id = '', check = '', status = '') =>
      attempt(() => current().reportCheck(service, id, check, status as 'passing', '')),
    node: (status = '') =>
      attempt(async () => {
        const disk = { kind: 'reported', id: 'disk', initially: 'passing' } as const
        if (current().checkOnNode('local', 'disk') === undefined) {
          await current().registerCheck('local', undefined, disk)
        }
        current().reportNodeCheck('local', 'disk', status as 'passing', '')
      }),
    run: (service = '', id = '', port = '') =>
      attempt(() =>
        current().putInstance(
          { service, id, host: '127.0.0.1', port: Number(port) },
          { origin: 'run', checks: [] },
        ),
      ),
    drain: (service = '', id = '') => attempt(() => current().setDraining(service, id, true)),
    wait: (ms = '0') => (clock.advance(Number(ms)), `${clock.nowMs()}ms`),
    restart: () => attempt(restart),
    list: (service = '') =>
      [...current().instances(service)]
        .map(
          ({ id, host, port, source, health, weight }) =>
            `${id} ${host}:${port} ${source} ${health} weight ${weight}`,
        )
        .join('\n') || 'none',
    changes: () => {
      const changes = current().changesSince(toldUpTo) ?? []
      toldUpTo = current().indexOf('all')
      return (
        changes
          .map(
            ({ action, instance }) =>
              `${action} ${instance.service}/${instance.id} ${instance.health}`,
          )
          .join('\n') || 'none'
      )
    },
  }
}

/** Each testdata file is a script: lines `> command`, every answer below it. Rewrite with --test-update-snapshots. */
for (const path of globSync('src/capabilities/discovery/testdata/*.txt')) {
  test(path, async (t) => {
    const clock = new FakeClock()
    const storage = await startStorage({ file: ':memory:' })
    t.after(() => storage.close())
    let started = await startOn(clock, storage)
    t.after(() => started.stop())
    const commands = commandsOn(
      clock,
      () => started.discovery,
      async () => {
        await started.stop()
        started = await startOn(clock, storage)
      },
    )
    const lines: string[] = []
    for (const line of readFileSync(path, 'utf8')
      .split('\n')
      .filter((each) => /^[>#]/.test(each))) {
      lines.push(line)
      if (line.startsWith('#')) continue
      const [verb = '', ...words] = line.slice(2).split(' ')
      lines.push((await commands[verb]?.(...words)) ?? `no such command: ${verb}`)
    }
    t.assert.fileSnapshot(`${lines.join('\n')}\n`, path, { serializers: [String] })
  })
}
