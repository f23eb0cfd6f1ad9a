/** One entry of `docs/errors/*.md`: what a reason or error code means. */
export interface CodeEntry {
  readonly code: string
  readonly paragraphs: readonly string[]
}

/** Entries of a document: a second-level heading that is one code, and the paragraphs until the next heading. Pure. */
export function parseCodes(markdown: string): readonly CodeEntry[] {
  const sections = markdown.split(/^## +/m).slice(1)
  return sections.flatMap((section) => {
    const [heading = '', ...rest] = section.split('\n')
    const code = heading.trim().replace(/`/g, '')
    if (!/^[A-Za-z0-9_.-]+$/.test(code)) return []
    const paragraphs = rest
      .join('\n')
      .split(/\n\s*\n|\n(?=[-*] )/)
      .map((paragraph) =>
        paragraph.replace(/\s+/g, ' ').replace(/[`*]/g, '').replace(/^- /, '').trim(),
      )
      .filter((paragraph) => paragraph !== '')
    return [{ code, paragraphs }]
  })
}

/** The entry of a code from the documents that were bundled with this console, or null. */
export async function findCode(code: string): Promise<CodeEntry | null> {
  const documents = import.meta.glob<string>('../../docs/errors/*.md', {
    query: '?raw',
    import: 'default',
  })
  const texts = await Promise.all(Object.values(documents).map((load) => load()))
  return texts.flatMap(parseCodes).find((entry) => entry.code === code) ?? null
}
