import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { LeanAnswer } from '../../platform/http/lean/options.ts'
import { CONTENT_TYPES, type Form } from './forms.ts'

const compress = promisify(gzip)

/** Answers smaller than this are not worth the work. */
const GZIP_BYTES_MIN = 1_024

interface Written {
  readonly version: string
  readonly plain: Buffer
  compressed: Promise<Buffer> | undefined
}

/** Answers that many clients read, written once a change. */
export class Bodies {
  readonly #written = new Map<string, Written>()

  /** `name` says what is written; `version` how it is now. */
  async answer(
    name: 'apps' | 'delta',
    form: Form,
    version: string,
    mayCompress: boolean,
    write: () => string,
  ): Promise<LeanAnswer> {
    const key = `${name} ${form}`
    let written = this.#written.get(key)
    if (written?.version !== version) {
      written = { version, plain: Buffer.from(write()), compressed: undefined }
      this.#written.set(key, written)
    }
    return answerOf(form, written, mayCompress)
  }
}

/** An answer that nobody else reads. */
export function answerOnce(form: Form, text: string, mayCompress: boolean): Promise<LeanAnswer> {
  const written = { version: '', plain: Buffer.from(text), compressed: undefined }
  return answerOf(form, written, mayCompress)
}

async function answerOf(form: Form, written: Written, mayCompress: boolean): Promise<LeanAnswer> {
  const { plain } = written
  const answer = { status: 200, contentType: CONTENT_TYPES[form] }
  const vary = ['vary', 'accept, accept-encoding'] as const
  if (!mayCompress || plain.length < GZIP_BYTES_MIN)
    return { ...answer, fields: [vary], body: plain }
  written.compressed ??= compress(plain, { level: 1 })
  return {
    ...answer,
    fields: [vary, ['content-encoding', 'gzip']],
    body: await written.compressed,
  }
}
