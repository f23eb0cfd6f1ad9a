import type { IncomingMessage } from 'node:http'
import { request } from '../../../platform/http/node-http.ts'
import type { DockerCheckSpec } from '../check-spec.ts'
import { CHECK_EXEC_OUTPUT_BYTES_MAX } from './exec.ts'
import type { Finding } from './finding.ts'

/** The oldest version of the Engine API that present engines answer. */
const API = '/v1.41'
const SOCKET = '/var/run/docker.sock'
/** Answers about an exec are small. */
const ANSWER_BYTES_MAX = 64 * 1024
/** Stream type, three zeros, length: https://docs.docker.com/reference/api/engine/, "Attach to a container". */
const FRAME_HEADER_BYTES = 8

/** Runs a program in a container, over the engine's socket: exit 0 is passing, 1 is warning, all else critical. */
export async function runDockerCheck(
  { container, argv }: Pick<DockerCheckSpec, 'container' | 'argv'>,
  signal: AbortSignal,
): Promise<Finding> {
  const name = encodeURIComponent(container)
  const made = await ask('POST', `/containers/${name}/exec`, signal, {
    AttachStdout: true,
    AttachStderr: true,
    Cmd: argv,
  })
  const id = idOf(made)
  const output = outputOf(
    await send('POST', `/exec/${id}/start`, signal, CHECK_EXEC_OUTPUT_BYTES_MAX, {
      Detach: false,
      Tty: false,
    }),
  )
  const ended = await ask('GET', `/exec/${id}/json`, signal)
  const code = ended['ExitCode']
  const status = code === 0 ? 'passing' : code === 1 ? 'warning' : 'critical'
  return { status, output: output || `exit code ${String(code)}` }
}

async function ask(
  method: string,
  path: string,
  signal: AbortSignal,
  body?: object,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await send(method, path, signal, ANSWER_BYTES_MAX, body)
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new TypeError('Docker answers no object')
  return value as Readonly<Record<string, unknown>>
}

/** The body of the answer up to the bound; what comes after is read and thrown away. Rejects for anything but 2xx. */
async function send(
  method: string,
  path: string,
  signal: AbortSignal,
  bytesMax: number,
  body?: object,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const text = body === undefined ? '' : JSON.stringify(body)
  const asked = request({
    socketPath: socketOf(process.env['DOCKER_HOST']),
    method,
    path: `${API}${path}`,
    signal,
    agent: false,
    headers: { host: 'docker', 'content-type': 'application/json', connection: 'close' },
  })
  asked.on('response', resolve)
  asked.on('error', reject)
  asked.end(text)
  const response = await promise
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (bytes < bytesMax) chunks.push(chunk)
    bytes += chunk.length
  }
  const answer = Buffer.concat(chunks).subarray(0, bytesMax)
  const { statusCode = 0 } = response
  if (statusCode >= 200 && statusCode < 300) return answer
  throw new Error(`Docker answers ${statusCode}: ${answer.toString('utf8').slice(0, 200).trim()}`)
}

function socketOf(host = ''): string {
  return host.startsWith('unix://') ? host.slice('unix://'.length) : SOCKET
}

/** What the program wrote, without the heads of the frames; the last frame may be cut. */
function outputOf(stream: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + FRAME_HEADER_BYTES <= stream.length;) {
    const length = stream.readUInt32BE(at + 4)
    parts.push(stream.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length))
    at += FRAME_HEADER_BYTES + length
  }
  return Buffer.concat(parts).toString('utf8').trim()
}

/** The id of an exec, which becomes part of a path. */
function idOf({ Id: id }: Readonly<Record<string, unknown>>): string {
  if (typeof id === 'string' && /^[0-9a-f]+$/i.test(id)) return id
  throw new TypeError('Docker answers no Id')
}
