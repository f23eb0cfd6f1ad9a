import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { until } from '../../harness/backplane.ts'
import { findInstalled } from '../harness/clients.ts'
import { startConsulProcess } from '../harness/consul-process.ts'
import { createNode, PATRONI, POSTGRES_BIN, TTL_S, type PatroniNode } from './cluster.ts'

/** Patroni with PostgreSQL on our sessions and keys: one leader, whatever dies. */

/** Patroni's own time for it: the session is over, the others look, one is promoted. Twice for a busy machine. */
const FAILOVER_MS_MAX = (TTL_S + 10) * 2 * 1_000

interface Watched {
  /** The leaders at one moment, as often as could be asked. */
  readonly seen: readonly (readonly string[])[]
  stop(): Promise<void>
}

/** Asks all nodes again and again who is the leader. */
function watchLeaders(nodes: readonly PatroniNode[]): Watched {
  const seen: (readonly string[])[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const answers = await Promise.all(nodes.map((node) => node.askPrimary()))
      seen.push(nodes.filter((_, at) => answers[at] === 200).map(({ name }) => name))
      await new Promise((done) => setTimeout(done, 50))
    }
  })()
  return {
    seen,
    async stop() {
      isOver = true
      await watching
    },
  }
}

async function leaderOf(nodes: readonly PatroniNode[], withinMs = 90_000): Promise<PatroniNode> {
  return until(
    async () => {
      const answers = await Promise.all(nodes.map((node) => node.askPrimary()))
      return nodes.find((_, at) => answers[at] === 200)
    },
    'a leader',
    withinMs,
  )
}

async function isReplicated(nodes: readonly PatroniNode[], rows: string): Promise<void> {
  await until(
    () => nodes.every((node) => node.query('SELECT count(*) FROM facts') === rows),
    `${rows} rows at ${nodes.map(({ name }) => name).join(', ')}`,
    90_000,
  )
}

function missing(t: TestContext): boolean {
  return (
    findInstalled(t, PATRONI, 'patroni') === undefined ||
    findInstalled(t, `${POSTGRES_BIN}/postgres`, 'postgresql') === undefined
  )
}

test('three nodes: a killed Backplane changes nothing, a killed leader is replaced, there are never two', async (t) => {
  if (missing(t)) return
  const consul = await startConsulProcess(t)
  const nodes = await Promise.all(
    ['n1', 'n2', 'n3'].map((name) => createNode(t, name, consul.address)),
  )
  for (const node of nodes) node.start()
  const watched = watchLeaders(nodes)
  const first = await leaderOf(nodes)
  first.query('CREATE TABLE facts (id int)')
  first.query('INSERT INTO facts VALUES (1)')
  await isReplicated(nodes, '1')
  t.diagnostic(`${first.name} leads, all three have its row`)

  await consul.kill()
  await consul.restart()
  const before = watched.seen.length
  await until(() => watched.seen.length > before + 60, 'some loops of Patroni', 60_000)
  assert.equal((await leaderOf(nodes)).name, first.name, 'it still leads')
  first.query('INSERT INTO facts VALUES (2)')
  await isReplicated(nodes, '2')

  const killedMs = performance.now()
  await first.kill()
  // And Backplane in the middle of the failover.
  await consul.kill()
  await consul.restart()
  const others = nodes.filter((node) => node !== first)
  const second = await leaderOf(others, FAILOVER_MS_MAX)
  const tookMs = performance.now() - killedMs
  t.diagnostic(`${second.name} leads after ${(tookMs / 1_000).toFixed(1)} s`)
  assert.equal(second.query('SELECT count(*) FROM facts'), '2', 'nothing is lost')
  await until(() => second.query('INSERT INTO facts VALUES (3) RETURNING id') === '3', 'a write')

  first.start()
  await isReplicated(nodes, '3')
  await watched.stop()
  const two = watched.seen.filter((leaders) => leaders.length > 1)
  assert.deepEqual(two, [], 'two leaders at once')
  assert.ok(watched.seen.length > 100)
})
