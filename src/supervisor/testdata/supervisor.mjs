// The supervisor as a program of its own, as `backplane up` runs it. argv[2]: the options that are JSON.
import { supervisorClock } from '../../platform/clock.ts'
import { runSupervisor } from '../supervisor.ts'

process.on('SIGUSR2', () => {
  throw new Error('a planted defect')
})

const code = await runSupervisor({
  ...JSON.parse(process.argv[2]),
  clock: supervisorClock,
  stdout: process.stdout,
  stderr: process.stderr,
})
process.exit(code)
