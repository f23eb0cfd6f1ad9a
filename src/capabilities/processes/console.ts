import type { FastifyInstance } from 'fastify'
import type { Problem } from '../../platform/capability.ts'
import type { Processes, RunningView } from './api.ts'

interface ServiceParams {
  Params: { service: string }
}
const serviceParams = {
  type: 'object',
  required: ['service'],
  properties: { service: { type: 'string', maxLength: 80 } },
} as const

/** Restart, stop, start, scale, and back to the file. */
export function registerServiceRoutes(app: FastifyInstance, processes: Processes): void {
  const wish = (summary: string) => ({ schema: { summary, params: serviceParams } })
  app.post<ServiceParams>(
    '/api/v1/services/:service/restart',
    wish(
      'Replaces every instance, one after the other; or one instance, by its id in place of the service.',
    ),
    (request, reply) => {
      processes.restart(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.post<ServiceParams>(
    '/api/v1/services/:service/stop',
    wish(
      'Stops it in order and keeps it stopped; with the id of an instance: that one, and one fewer from now on.',
    ),
    async (request, reply) => {
      await processes.stop(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.post<ServiceParams>(
    '/api/v1/services/:service/start',
    wish('Starts a stopped service.'),
    async (request, reply) => {
      await processes.start(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.get<ServiceParams>(
    '/api/v1/services/:service/variables',
    wish(
      'What its instances find in their environment from Backplane; nothing of what the file says.',
    ),
    (request) => ({ variables: processes.variablesOf(request.params.service) }),
  )
  app.put<ServiceParams & { Body: { instances: number } }>(
    '/api/v1/services/:service/scale',
    {
      schema: {
        summary: 'Sets the number of instances as a run-time override.',
        params: serviceParams,
        body: {
          type: 'object',
          required: ['instances'],
          additionalProperties: false,
          properties: { instances: { type: 'integer', minimum: 0, maximum: 1000 } },
        },
      },
    },
    async (request, reply) => {
      await processes.scale(request.params.service, request.body.instances)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.delete<ServiceParams>(
    '/api/v1/services/:service/overrides',
    wish('Back to what the file says.'),
    async (request, reply) => {
      await processes.clearOverride(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}

/** One that crashes, or cannot be started: an error where nobody else serves. */
export function problemOf(
  service: string,
  instances: readonly RunningView[],
  isUp: (id?: string) => boolean,
): Problem | undefined {
  const broken = instances.find(isBroken)
  if (broken === undefined) {
    return takenProblem(service, instances, isUp) ?? misplacedProblem(service, instances, isUp)
  }
  return {
    severity: isUp() ? 'warning' : 'error',
    code: codeOf(broken),
    service,
    instance: broken.id,
    text: brokenReason(broken),
  }
}

/** One that runs, while another program listens on its port. */
function takenProblem(
  service: string,
  instances: readonly RunningView[],
  isUp: (id?: string) => boolean,
): Problem | undefined {
  for (const { id, address, process } of instances) {
    const { portTakenBy } = process
    if (process.state !== 'running' || portTakenBy === undefined) continue
    const { pid, name } = portTakenBy
    const port = address.slice(address.lastIndexOf(':') + 1)
    return {
      severity: isUp() ? 'warning' : 'error',
      code: 'ERR_PORT_TAKEN',
      service,
      instance: id,
      text: `${id} runs, but pid ${pid} (${name}) listens on its port ${port}, so it gets no requests: end that program, or change \`port\` of the service ${service}`,
    }
  }
  return undefined
}

/** One that runs, but where nobody looks for it. What a helper outside of its process group does for it is found by the check. */
function misplacedProblem(
  service: string,
  instances: readonly RunningView[],
  isUp: (id?: string) => boolean,
): Problem | undefined {
  const silent = instances.find(
    ({ id, process }) => process.state === 'running' && process.listensOn && !isUp(id),
  )
  if (silent === undefined) return undefined
  const { id, address, process } = silent
  const [port = 0, ...more] = process.listensOn ?? []
  const ports = [port, ...more].join(', ')
  const given = address.slice(address.lastIndexOf(':') + 1)
  return {
    severity: isUp() ? 'warning' : 'error',
    code: 'ERR_PROCESSES_OTHER_PORT',
    service,
    instance: id,
    text: `${id} does not listen on $PORT (${given}); it listens on ${ports}: let it take its port from the variable PORT, or write port: ${port} under services.${service}`,
  }
}

/** What is wrong with any service that is wanted. */
export function problemsOf(
  processes: Pick<Processes, 'services' | 'problemOf'>,
): readonly Problem[] {
  return processes.services().flatMap((run) => {
    const problem = run.wanted().target === 0 ? undefined : processes.problemOf(run.name)
    return problem === undefined ? [] : [problem]
  })
}

function isBroken({ isRetiring, process: { state, exit } }: RunningView): boolean {
  if (state === 'exited') return !isRetiring && exit !== 'exit code 0'
  return state === 'crash-looping' || state === 'failed' || state === 'backing-off'
}

function codeOf({ process: { state, code } }: RunningView): string {
  if (code !== undefined) return code
  return state === 'exited' ? 'ERR_PROCESSES_ENDED' : 'ERR_PROCESSES_CRASHING'
}

function brokenReason({ id, process }: RunningView): string {
  // The supervisor's sentence begins with the instance.
  if (process.exit.startsWith(id)) return process.exit
  const what = whatHappened(process)
  const line = tellingLine(process.lastLines)
  return `${id} ${what}: ${process.exit}${line === '' ? '' : ` · ${line}`}`
}

function whatHappened({ state, isGivenUp }: RunningView['process']): string {
  if (isGivenUp === true) return 'failed as often as restart.max allows and is given up'
  if (state === 'exited') return 'has ended and is not started again (restart.policy)'
  return state === 'crash-looping' ? 'crashes again and again' : 'has crashed and is started again'
}

/** The line that names the error (Node and Python print more behind or before it), else the last one. */
function tellingLine(lines: readonly string[]): string {
  const filled = lines.map((line) => line.trim()).filter((line) => line !== '')
  return (
    filled.findLast((line) => /^(\S*(Error|Exception)|panic|fatal)\b/i.test(line)) ??
    filled.at(-1) ??
    ''
  )
}
