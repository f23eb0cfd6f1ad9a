import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { OutputLine } from '../../contracts/supervisor.ts'
import type { Clock } from '../../platform/capability.ts'
import { eventOf, openEvents } from '../../platform/http/events.ts'
import { isOn, switchSchema, type Switch } from '../../platform/http/switch.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { Processes } from './api.ts'
import type { OutputNeed } from './needs.ts'

/** Lines of output that one answer may begin with. */
export const LOG_TAIL_MAX = 10_000
/** After a batch that may have been cut: nothing for this long was all. */
const LOG_QUIET_MS = 250
/** Readers that may follow output at the same time. */
export const LOG_FOLLOWERS_MAX = 100

type LogProcesses = Pick<Processes, 'services' | 'service' | 'onChange'>

interface ServiceParams {
  Params: { service: string }
}
const serviceParams = {
  type: 'object',
  required: ['service'],
  properties: { service: { type: 'string', maxLength: 63 } },
} as const

/** The output of services, as Server-Sent Events. */
export function registerLogRoutes(
  app: FastifyInstance,
  processes: LogProcesses,
  output: OutputNeed,
  clock: Clock,
): void {
  let followers = 0
  app.get<{ Querystring: { tail: number; follow: Switch; service?: string } }>(
    '/api/v1/logs',
    {
      schema: {
        summary: 'Server-Sent Events with the output of a service, or of all.',
        querystring: {
          type: 'object',
          properties: {
            service: { type: 'string', maxLength: 63 },
            tail: { type: 'integer', minimum: 0, maximum: LOG_TAIL_MAX, default: 200 },
            follow: switchSchema,
          },
        },
      },
    },
    (request, reply) => stream(request.query.service, request.query, reply),
  )
  app.get<ServiceParams & { Querystring: { tail: number; follow: Switch } }>(
    '/api/v1/services/:service/logs',
    {
      schema: {
        summary: 'Server-Sent Events: the last lines of output, then (follow=1) each new one.',
        params: serviceParams,
        querystring: {
          type: 'object',
          properties: {
            tail: { type: 'integer', minimum: 0, maximum: LOG_TAIL_MAX, default: 200 },
            follow: switchSchema,
          },
        },
      },
    },
    (request, reply) => stream(request.params.service, request.query, reply),
  )

  function stream(
    service: string | undefined,
    { tail, follow }: { readonly tail: number; readonly follow: Switch },
    reply: FastifyReply,
  ): void {
    const ids = new Set(processesOf(service, processes))
    if (followers >= LOG_FOLLOWERS_MAX) {
      throw new ProblemError(
        503,
        'ERR_HTTP_TOO_MANY_FOLLOWERS',
        `${LOG_FOLLOWERS_MAX} readers follow output already.`,
      )
    }
    followers++
    openEvents(reply)
    const { raw } = reply
    let left = tail
    let cancelQuiet = (): void => {}
    const deliver = async (lines: readonly OutputLine[], dropped: number): Promise<void> => {
      cancelQuiet()
      const isFull = lines.length + dropped > 0 && !raw.write(eventOf({ lines, dropped }))
      // The next batch is asked for only when this reader has taken the last one.
      if (isFull) await drained(raw)
      if (isOn(follow)) return
      left -= lines.length
      if (left <= 0 || !isCut(lines)) raw.end()
      else cancelQuiet = clock.after(LOG_QUIET_MS, () => raw.end())
    }
    const stops = [output.follow([...ids], tail, deliver)]
    if (isOn(follow)) stops.push(processes.onChange(followNew))
    raw.on('close', () => {
      followers--
      cancelQuiet()
      for (const stop of stops) stop()
    })

    /** Instances that come later (a restart, a scale) are followed from their first line. */
    function followNew(): void {
      const fresh = runningOf(service, processes).filter((id) => !ids.has(id))
      for (const id of fresh) ids.add(id)
      if (fresh.length > 0) stops.push(output.follow(fresh, LOG_TAIL_MAX, deliver))
    }
  }
}

/** The supervisor cuts its batches at 1,000 lines and 256 Ki characters, and says nothing when there is no more. */
function isCut(lines: readonly OutputLine[]): boolean {
  const characters = lines.reduce((sum, line) => sum + line.text.length, 0)
  return lines.length >= 1_000 || characters >= 192 * 1024
}

/** Resolves when a slow reader has taken what was written, or is gone. */
function drained(raw: ServerResponse): Promise<void> {
  if (raw.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })
}

function runningOf(service: string | undefined, processes: LogProcesses): readonly string[] {
  return processes
    .services()
    .filter((run) => service === undefined || run.name === service)
    .flatMap((run) => run.slots().map((slot) => slot.spec.id))
}

function processesOf(service: string | undefined, processes: LogProcesses): readonly string[] {
  const runs = service === undefined ? processes.services() : [processes.service(service)]
  return runs.flatMap((run) => {
    if (run === undefined) {
      throw new ProblemError(
        404,
        'ERR_PROCESSES_SERVICE_UNKNOWN',
        `'${service}' is not a service that runs here. Known: ${processes
          .services()
          .map((one) => one.name)
          .join(', ')}.`,
      )
    }
    return run.slots().map((slot) => slot.spec.id)
  })
}
