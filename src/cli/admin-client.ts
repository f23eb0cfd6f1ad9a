import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { request } from '../platform/http/node-http.ts'
import { readStartTime } from '../supervisor/process-facts.ts'
import type { Io } from './io.ts'
import { locateConfig, locateData } from './locate.ts'
import { describeDown, readRunState } from './run-state.ts'

/** A command could not be carried out; the message is for the operator. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: string
  readonly exitCode: number

  constructor(code: string, message: string, exitCode = 1) {
    super(message)
    this.code = code
    this.exitCode = exitCode
  }
}

/** Speaks to the admin API of the Backplane that runs in this folder. */
export interface AdminClient {
  /** The parsed answer. Throws `CommandError` with the problem's code and text. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Server-Sent Events, parsed; ends when the server ends. */
  events(path: string, onEvent: (data: unknown) => void): Promise<void>
}

export interface AdminTarget {
  /** Path of the configuration file, or undefined: see `locateConfig`. */
  readonly config: string | undefined
  readonly data: string | undefined
}

/** Finds the running Backplane by `run/state.json` in its data folder. Throws `CommandError`. */
export async function findAdmin(target: AdminTarget, io: Io): Promise<AdminClient> {
  const dataDir = locateData(target.data, locateConfig(target.config, io.cwd), io.cwd)
  const address = await listenerAddress(dataDir)
  const token = io.env['BACKPLANE_TOKEN']
  return createAdminClient(address, token, dataDir)
}

async function listenerAddress(dataDir: string): Promise<string> {
  const state = await readRunState(dataDir)
  if (state === null) throw await whyNoState(dataDir)
  const address = state.listen?.['console']
  if (typeof address === 'string' && address !== '') return address
  throw new CommandError(
    'ERR_CLI_NO_LISTENER',
    `Backplane runs with the data folder ${dataDir}, but its console listener is closed, and commands need it. Set listen.console to a free port.`,
  )
}

/** The state is written when everything is up; the lock of the data folder tells whether somebody is on the way there. */
async function whyNoState(dataDir: string): Promise<CommandError> {
  const lock: unknown = await readFile(join(dataDir, 'lock'), 'utf8')
    .then(JSON.parse)
    .catch(() => null)
  const { pid, startTime } = (lock ?? {}) as { readonly pid?: number; readonly startTime?: string }
  if (pid !== undefined && startTime !== '' && readStartTime(pid) === startTime) {
    return new CommandError(
      'ERR_CLI_STARTING',
      `Backplane (pid ${pid}) is still starting or already stopping. Commands work from the moment when 'backplane up' prints its table: a minute after its start at the latest.`,
    )
  }
  return new CommandError(
    'ERR_CLI_NOT_RUNNING',
    `Nothing runs with the data folder ${dataDir}. Start it with 'backplane up', or name the folder with --data.`,
  )
}

/** The console does not answer: what the supervisor knows of it is better than a guess. */
async function whyClosed(dataDir: string, guess: string): Promise<CommandError> {
  const known = describeDown((await readRunState(dataDir)) ?? {})
  if (known !== null) return new CommandError('ERR_CLI_CONTROL_DOWN', known)
  const hint = "Is Backplane still running? 'backplane up' starts it."
  return new CommandError('ERR_CLI_LISTENER_CLOSED', `${guess}. ${hint}`)
}

function createAdminClient(
  address: string,
  token: string | undefined,
  dataDir: string,
): AdminClient {
  const [host, port] = splitAddress(address)
  const headers = {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  function open(method: string, path: string, body: unknown): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((done, fail) => {
      const outgoing = request(
        {
          host,
          port,
          method,
          path,
          headers:
            text === undefined
              ? headers
              : {
                  ...headers,
                  'content-type': 'application/json',
                  'content-length': Buffer.byteLength(text),
                },
        },
        done,
      )
      outgoing.on('error', ({ message }) => {
        const guess = `The console listener on ${address} does not answer (${message})`
        void whyClosed(dataDir, guess).then(fail)
      })
      outgoing.end(text)
    })
  }
  return {
    async call(method, path, body) {
      const response = await open(method, path, body)
      const text = await textOf(response)
      const parsed = text === '' ? undefined : parseAnswer(text, address)
      if ((response.statusCode ?? 500) < 400) return parsed
      throw problemOf(parsed, response.statusCode ?? 500)
    },
    async events(path, onEvent) {
      const response = await open('GET', path, undefined)
      if ((response.statusCode ?? 500) >= 400) {
        throw problemOf(parseAnswer(await textOf(response), address), response.statusCode ?? 500)
      }
      let rest = ''
      for await (const chunk of piecesOf(response, address, dataDir)) {
        const events = (rest + chunk).split('\n\n')
        rest = events.pop() ?? ''
        for (const event of events) {
          if (event.startsWith('data: ')) onEvent(parseAnswer(event.slice(6), address))
        }
      }
    },
  }
}

async function* piecesOf(
  response: IncomingMessage,
  address: string,
  dataDir: string,
): AsyncGenerator<string> {
  response.setEncoding('utf8')
  try {
    for await (const chunk of response) yield String(chunk)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const guess = `The console listener on ${address} closed the connection (${why})`
    throw await whyClosed(dataDir, guess)
  }
}

function parseAnswer(text: string, address: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(
      'ERR_CLI_ANSWER_UNREADABLE',
      `What answers on ${address} is not Backplane's admin API: another program may have the port now. Look with 'backplane status'.`,
    )
  }
}

function splitAddress(address: string): readonly [string, number] {
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[|\]$/g, '')
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return [reachable, Number(address.slice(at + 1))]
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function problemOf(parsed: unknown, status: number): CommandError {
  const problem = typeof parsed === 'object' && parsed !== null ? parsed : {}
  const code = 'code' in problem ? String(problem.code) : `HTTP ${status}`
  const detail = 'detail' in problem ? String(problem.detail) : 'The admin API refused the request.'
  const hint =
    code === 'ERR_HTTP_CREDENTIALS'
      ? ' Commands take it from the environment variable BACKPLANE_TOKEN.'
      : ''
  return new CommandError(code, detail + hint)
}
