/**
 * An engine: DuckDB over the files of logs and traces, in a process of its own that may be killed at any time. Telemetry starts it when somebody asks
 * and ends it afterwards.
 */
import type { EngineOptions, ToEngine } from './messages.ts'
import { serveEngine } from './serve.ts'

// Without telemetry there is nobody left to serve.
process.on('disconnect', () => process.exit(0))
// Ctrl-C goes to the whole group of the terminal; telemetry decides when this ends.
process.on('SIGINT', () => {})
const options = JSON.parse(process.argv[2] ?? '{}') as EngineOptions
const hear = serveEngine(options, (message) => void process.send?.(message))
process.on('message', (message) => hear(message as ToEngine))
