/** All that can be said about the code without running it: `npm run check`. CI runs the same. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

interface Check {
  readonly name: string
  readonly argv: readonly string[]
}

const node = process.execPath
const bin = (name: string) => `node_modules/.bin/${name}`
const folders = ['src', 'test', 'scripts', 'bench', 'examples', 'web', 'client'].filter((folder) =>
  existsSync(folder),
)

const checks: readonly Check[] = [
  { name: 'types', argv: [bin('tsc'), '--noEmit'] },
  ...when('web/tsconfig.json', {
    name: 'types of the console',
    argv: [bin('tsc'), '--noEmit', '-p', 'web'],
  }),
  { name: 'lint', argv: [bin('oxlint'), '--type-aware', '--deny-warnings', ...folders] },
  { name: 'format (`npx oxfmt` repairs it)', argv: [bin('oxfmt'), '--check', ...folders] },
  ...when('scripts/settings-docs.ts', {
    name: 'docs/settings.md',
    argv: [node, 'scripts/settings-docs.ts', '--check'],
  }),
  { name: 'docs/errors.md', argv: [node, 'scripts/errors-docs.ts', '--check'] },
  { name: 'tidy', argv: [node, '--test', '--test-reporter=dot', 'test/tidy.test.ts'] },
]

const waiting = [...checks]
const failed: string[] = []
await Promise.all([work(), work()])
const verdict = failed.length === 0 ? 'all checks pass' : `failed: ${failed.join(', ')}`
process.stdout.write(`${verdict}\n`)
process.exitCode = failed.length === 0 ? 0 : 1

/** Two at a time: most of them use one core. */
async function work(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const startedAt = performance.now()
    const { code, output } = await runCheck(check)
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    process.stdout.write(`${code === 0 ? '✔' : '✖'} ${check.name} (${seconds} s)\n`)
    if (code === 0) continue
    failed.push(check.name)
    process.stdout.write(`${output.trimEnd()}\n`)
  }
}

function runCheck({
  argv: [command = '', ...rest],
}: Check): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => resolve({ code: 1, output: `${command}: ${error.message}` }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

function when(path: string, check: Check): readonly Check[] {
  return existsSync(path) ? [check] : []
}
