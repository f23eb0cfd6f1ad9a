/** Every benchmark, one after the other, on a machine that does nothing else: `npm run bench`. About 25 minutes. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const all = [
  'start.ts',
  'http1.ts',
  'discovery.ts',
  'consul.ts',
  'routable.ts',
  'blocked.ts',
  'crash.ts',
  'dns.ts',
  'gateway.ts',
  'tls.ts',
  'idle-tls.ts',
  'resilience.ts',
  'overload.ts',
  'promql.ts',
  'soak.ts',
]

for (const name of all) {
  process.stdout.write(`\n## ${name}\n\n`)
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, name)], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
