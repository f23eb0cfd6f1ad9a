import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import { PathWatch } from './path-watch.ts'

/** Watches a new folder with `src/a.ts` in it. */
async function bench(t: TestContext, ...paths: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-watch-'))
  await mkdir(join(folder, 'src/node_modules'), { recursive: true })
  await writeFile(join(folder, 'src/a.ts'), '1')
  const seen: string[] = []
  const failures: string[] = []
  let wake = (): void => {}
  const watch = new PathWatch(
    paths.map((path) => join(folder, path)),
    systemClock,
    {
      changed(path) {
        seen.push(path.slice(folder.length + 1))
        wake()
      },
      failed: (reason) => failures.push(reason),
    },
  )
  t.after(async () => {
    watch.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    folder,
    seen,
    failures,
    watch,
    next: async (): Promise<string> => {
      while (seen.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return seen.shift()!
    },
  }
}

test('what is written at once is told once; what nobody writes by hand is not told', async (t) => {
  const { folder, next, seen } = await bench(t, 'src')
  for (const name of ['.a.ts.swp', 'node_modules/x.js', 'a.ts~', 'b.tmp']) {
    await writeFile(join(folder, 'src', name), '1')
  }
  await appendFile(join(folder, 'src/a.ts'), '2')
  await writeFile(join(folder, 'src/b.ts'), '2')
  assert.equal(await next(), 'src/a.ts')
  await appendFile(join(folder, 'src/b.ts'), '3')
  assert.equal(await next(), 'src/b.ts')
  assert.deepEqual(seen, [])
})

test('a folder that is new is looked into', async (t) => {
  const { folder, next } = await bench(t, 'src')
  await mkdir(join(folder, 'src/new/deep'), { recursive: true })
  assert.equal(await next(), 'src/new')
  await writeFile(join(folder, 'src/new/deep/c.ts'), '1')
  assert.equal(await next(), 'src/new/deep/c.ts')
})

test('a file alone: also where an editor puts another one in its place, and its neighbours are nothing', async (t) => {
  const { folder, next, seen } = await bench(t, 'src/a.ts')
  await writeFile(join(folder, 'src/b.ts'), '1')
  await writeFile(join(folder, 'src/.new'), '2')
  await rename(join(folder, 'src/.new'), join(folder, 'src/a.ts'))
  assert.equal(await next(), 'src/a.ts')
  await appendFile(join(folder, 'src/a.ts'), '3')
  assert.equal(await next(), 'src/a.ts')
  assert.deepEqual(seen, [])
})

test('what is not there is said', async (t) => {
  const { folder, failures } = await bench(t, 'src', 'lib')
  assert.deepEqual(failures, [`there is no ${join(folder, 'lib')}`])
})

test('a folder that is made anew at once is still looked into, and one that was moved away is not', async (t) => {
  const { folder, next, seen } = await bench(t, 'src')
  await mkdir(join(folder, 'src/dist/deep'), { recursive: true })
  assert.equal(await next(), 'src/dist')
  // In one step of this process: the watch sees both changes when the new folder is there.
  rmSync(join(folder, 'src/dist'), { recursive: true })
  mkdirSync(join(folder, 'src/dist/deep'), { recursive: true })
  await next()
  seen.length = 0
  await writeFile(join(folder, 'src/dist/deep/a.js'), '1')
  assert.equal(await next(), 'src/dist/deep/a.js')

  await rename(join(folder, 'src/dist'), join(folder, 'elsewhere'))
  await next()
  seen.length = 0
  await writeFile(join(folder, 'elsewhere/deep/b.js'), '1')
  await writeFile(join(folder, 'src/a.ts'), '2')
  assert.equal(await next(), 'src/a.ts')
})
