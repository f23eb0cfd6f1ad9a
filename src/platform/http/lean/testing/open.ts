import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { ProblemError } from '../../../problem.ts'
import { systemClock } from '../../../clock.ts'
import { openLean } from '../lean.ts'
import type { LeanAnswer, LeanExchange, LeanOptions } from '../options.ts'

/** An answer of text. */
export const text = (body: string, status = 200): LeanAnswer => ({
  status,
  contentType: 'text/plain',
  body,
})

/** A lean listener on a free port of loopback until the test ends. */
export async function openForTest(t: TestContext, options: Partial<LeanOptions>) {
  const errors: unknown[] = []
  const at = { name: 'lean', host: '127.0.0.1', port: 0, clock: systemClock }
  const opened = await openLean(
    { ...at, mayConnect: () => true },
    {
      handle: (exchange: LeanExchange) => exchange.answer(text(exchange.request.path)),
      keptFields: ['x-kept', 'content-type'],
      bodyBytesMax: () => 1_000,
      failure: ({ statusCode, code }: ProblemError) => text(code, statusCode),
      hosts: [],
      section: 'test',
      demandsCredentials: true,
      ...options,
    },
    (_level, _message, fields) => void errors.push(fields?.['error']),
  )
  t.after(() => opened.close())
  return { opened, errors, port: opened.port, url: `http://127.0.0.1:${opened.port}` }
}

/** A raw connection that keeps what it reads. */
export interface Raw {
  readonly socket: Socket
  read(): string
  /** Resolves when what was read matches; rejects when the connection ends before. */
  until(pattern: RegExp): Promise<string>
  readonly closed: Promise<void>
}

/** Opens a raw connection that ends with the test. */
export function dial(t: TestContext, port: number): Raw {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let seen = ''
  const looks = new Set<() => void>()
  let isOver = false
  socket.setEncoding('latin1').on('data', (part: string) => {
    seen += part
    for (const look of looks) look()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        isOver = true
        for (const look of looks) look()
        resolve()
      })
    }
  })
  t.after(() => socket.destroy())
  return {
    socket,
    closed,
    read: () => seen,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(seen)) resolve(seen)
          else if (isOver) reject(new Error(`ended before ${String(pattern)}: ${seen}`))
        }
        looks.add(look)
        look()
      }),
  }
}
