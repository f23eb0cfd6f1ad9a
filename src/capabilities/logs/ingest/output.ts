import type { LogRecord } from '../../../contracts/signals.ts'
import type { CollectedLine } from '../../../contracts/supervisor.ts'
import { SEVERITY } from '../../../mechanisms/log-query/severity.ts'
import { emptyFields } from '../../../mechanisms/log-line/document.ts'
import { continuesLine, readLine } from '../../../mechanisms/log-line/text-line.ts'
import { createGround, recordOf, type DecodeGround } from './draft.ts'
import type { Ingest } from './ingest.ts'

/** Lines that one record may have. */
const JOINED_LINES_MAX = 500

/** Takes what services print. Resolves when it is on the disk, or was thrown away and counted. */
export async function takeOutput(
  ingest: Ingest,
  lines: readonly CollectedLine[],
  nowMs: number,
): Promise<void> {
  const ground = createGround(nowMs, Infinity)
  const records = joinLines(lines).map((line) => {
    const { record, isBroken } = readOutput(line, ground)
    if (isBroken) ingest.health.of(line.stream, line.service).unparsed++
    return record
  })
  await ingest.takeLogs(records, 'forgets')
}

/** Stack traces are one record: lines that go on with the one before, of the same process and stream, and came with it. */
export function joinLines(lines: readonly CollectedLine[]): readonly CollectedLine[] {
  const joined: { line: CollectedLine; texts: string[] }[] = []
  const last = new Map<string, { line: CollectedLine; texts: string[] }>()
  for (const line of lines) {
    const key = `${line.process} ${line.stream}`
    const before = last.get(key)
    if (
      before !== undefined &&
      before.texts.length < JOINED_LINES_MAX &&
      continuesLine(line.text)
    ) {
      before.texts.push(line.text)
      continue
    }
    const begun = { line, texts: [line.text] }
    joined.push(begun)
    last.set(key, begun)
  }
  return joined.map(({ line, texts }) =>
    texts.length === 1 ? line : { ...line, text: texts.join('\n') },
  )
}

function readOutput(
  line: CollectedLine,
  ground: DecodeGround,
): { record: LogRecord; isBroken: boolean } {
  const fields = emptyFields()
  const form = readLine(line.text, fields, ground.attributes)
  if (fields.time === 0) fields.time = line.atMs * 1_000
  // A program that says no level says by the stream which one it means.
  if (fields.severity === 0) fields.severity = severityOfStream(line)
  // What a service says of itself is not believed: the supervisor knows whose output it is.
  if (fields.service !== '' && fields.service !== line.service) {
    ground.attributes.addText('service.name', fields.service)
  }
  fields.service = line.service
  const origin = { service: line.service, instance: line.process, source: line.stream }
  return { record: recordOf(fields, origin, ground), isBroken: form === 'broken-json' }
}

function severityOfStream({ stream, text }: CollectedLine): number {
  if (stream === 'stdout') return SEVERITY.info
  return /^(?:\w*Error\b|Traceback|panic:|Exception\b|Uncaught|\s+at )/.test(text)
    ? SEVERITY.error
    : SEVERITY.warn
}
