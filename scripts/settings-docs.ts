/**
 * Writes docs/settings.md and docs/backplane.schema.json from the settings schema. With `--check` it writes nothing
 * and exits with 1 when one of them is stale.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatJsonSchema, formatSettingsPage } from './settings-page.ts'

const docs = join(import.meta.dirname, '..', 'docs')
const pages = [
  { file: join(docs, 'settings.md'), text: formatSettingsPage() },
  { file: join(docs, 'backplane.schema.json'), text: formatJsonSchema() },
]
const isCheck = process.argv.includes('--check')
for (const { file, text } of pages) {
  const current = await readFile(file, 'utf8').catch(() => '')
  if (current === text) continue
  if (isCheck) {
    process.stderr.write(`${file} is stale; run: node scripts/settings-docs.ts\n`)
    process.exitCode = 1
  } else {
    await writeFile(file, text)
    process.stdout.write(`${file} written\n`)
  }
}
