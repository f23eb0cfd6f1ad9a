import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { watchFiles } from './watch.ts'
import type { FileWatcher } from './watch.ts'

const root = mkdtempSync(join(tmpdir(), 'backplane-watch-'))
after(() => rmSync(root, { recursive: true }))

interface Watched {
  readonly watcher: FileWatcher
  /** Resolves when the next change is told; a change that was told before counts. */
  readonly changed: () => Promise<void>
  readonly count: () => number
}

async function watched(
  context: TestContext,
  files: readonly string[],
  fallbackMs = 60_000,
): Promise<Watched> {
  let count = 0
  let seen = 0
  let wake = (): void => {}
  // Timers of the watcher keep no process alive, so the test must.
  const alive = setInterval(() => {}, 1000)
  const onChange = (): void => {
    count += 1
    wake()
  }
  const watcher = watchFiles(files, onChange, { settleMs: 20, fallbackMs })
  context.after(() => {
    clearInterval(alive)
    watcher.close()
  })
  await watcher.ready
  const changed = async (): Promise<void> => {
    while (count === seen) await new Promise<void>((resolve) => (wake = resolve))
    seen = count
  }
  return { watcher, changed, count: () => count }
}

function folder(name: string): string {
  const path = join(root, name)
  mkdirSync(path)
  return path
}

test(
  'a write, a rename over the file and its appearance are told',
  { timeout: 10_000 },
  async (context) => {
    const here = folder('plain')
    const file = join(here, 'a.yaml')
    const late = join(here, 'late.txt')
    writeFileSync(file, '1')
    const { changed } = await watched(context, [file, late])
    writeFileSync(file, '22')
    await changed()
    writeFileSync(`${file}.new`, '333')
    renameSync(`${file}.new`, file)
    await changed()
    writeFileSync(late, 'now')
    await changed()
  },
)

test(
  'many writes in a row are one change, and a neighbour is none',
  { timeout: 10_000 },
  async (context) => {
    const here = folder('burst')
    const file = join(here, 'a.yaml')
    writeFileSync(file, '1')
    const { changed, count } = await watched(context, [file])
    writeFileSync(join(here, 'other.log'), 'x')
    for (let length = 2; length < 30; length += 1) writeFileSync(file, 'x'.repeat(length))
    await changed()
    assert.equal(count(), 1)
  },
)

test(
  'a swapped link on the way to the file is told, as Kubernetes does it',
  { timeout: 10_000 },
  async (context) => {
    const here = folder('mounted')
    for (const [name, text] of [
      ['..1', 'one'],
      ['..2', 'second'],
    ] as const) {
      mkdirSync(join(here, name))
      writeFileSync(join(here, name, 'a.yaml'), text)
    }
    symlinkSync('..1', join(here, '..data'))
    symlinkSync('..data/a.yaml', join(here, 'a.yaml'))
    const { changed } = await watched(context, [join(here, 'a.yaml')])
    symlinkSync('..2', join(here, '..tmp'))
    renameSync(join(here, '..tmp'), join(here, '..data'))
    await changed()
  },
)

test('a link in another folder is followed', { timeout: 10_000 }, async (context) => {
  const [here, elsewhere] = [folder('linked'), folder('releases')]
  for (const name of ['1', '2']) {
    mkdirSync(join(elsewhere, name))
    writeFileSync(join(elsewhere, name, 'a.yaml'), name)
  }
  symlinkSync('1', join(elsewhere, 'current'))
  symlinkSync('../releases/current/a.yaml', join(here, 'a.yaml'))
  const { changed } = await watched(context, [join(here, 'a.yaml')])
  symlinkSync('2', join(elsewhere, 'next'))
  renameSync(join(elsewhere, 'next'), join(elsewhere, 'current'))
  await changed()
  writeFileSync(join(elsewhere, '2', 'a.yaml'), 'in place')
  await changed()
})

test(
  'a folder that appears later is found by the fallback',
  { timeout: 10_000 },
  async (context) => {
    const here = join(root, 'absent')
    const { changed } = await watched(context, [join(here, 'a.yaml')], 50)
    mkdirSync(here)
    writeFileSync(join(here, 'a.yaml'), '1')
    await changed()
  },
)

test(
  'other files can be followed, and after close nothing is told',
  { timeout: 10_000 },
  async (context) => {
    const here = folder('moving')
    const [first, second] = [join(here, 'a'), join(folder('moving-2'), 'b')]
    for (const file of [first, second]) writeFileSync(file, '1')
    const { watcher, changed, count } = await watched(context, [first])
    watcher.setFiles([second])
    await watcher.ready
    writeFileSync(second, '22')
    await changed()
    watcher.close()
    writeFileSync(second, '333')
    const { changed: elsewhere } = await watched(context, [second])
    writeFileSync(second, '4444')
    await elsewhere()
    assert.equal(count(), 1)
  },
)
