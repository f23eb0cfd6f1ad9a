import { Labels, labelsOf } from '../labels/labels.ts'
import { ExpositionError } from './exposition-error.ts'
import { SampleScanner } from './scanner.ts'

/**
 * The labels of a sample, from the text of its name and labels as a reader found it; an empty value is no label. Throws `ExpositionError`
 * where it is no UTF-8.
 */
export function parseSeriesText(bytes: Uint8Array, start: number, end: number): Labels {
  const scanner = new SampleScanner(bytes.subarray(start, end), 0, { isLoose: true })
  scanner.scanSeries()
  return labelsOf([
    ['__name__', unescaped(scanner, scanner.nameStart, scanner.nameEnd)],
    ...scannedPairs(scanner),
  ])
}

/** Labels without a name, as exemplars have them. */
export function scannedPairs(
  scanner: SampleScanner,
): readonly (readonly [name: string, value: string])[] {
  return Array.from({ length: scanner.labelCount }, (_, label) => {
    const [nameStart, nameEnd, valueStart, valueEnd] = scanner.labels.subarray(4 * label)
    return [
      unescaped(scanner, nameStart!, nameEnd!),
      unescaped(scanner, valueStart!, valueEnd!),
    ] as const
  })
}

/** Three escapes have a meaning, any other backslash stands for itself. */
export function unescaped(scanner: SampleScanner, start: number, end: number): string {
  const text = strictText(scanner, start, end)
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\[\\"n]/g, (escape) => (escape === '\\n' ? '\n' : escape[1]!))
}

function strictText({ bytes, line }: SampleScanner, start: number, end: number): string {
  const part = bytes.subarray(start, end)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part)
  } catch {
    throw new ExpositionError(
      `invalid UTF-8 label value: ${JSON.stringify(new TextDecoder().decode(part))}`,
      line,
    )
  }
}
