import { json, text } from './answers.ts'
import type { Route } from './router.ts'

/** Where clients believe the servers' own protocol; nobody connects to it. */
const SERVER = '127.0.0.1:8300'

/** One server, which leads. */
export const statusRoutes: readonly Route[] = [
  { methods: ['GET'], path: '/', run: () => text('Consul Agent') },
  { methods: ['GET'], path: '/v1/status/leader', run: () => json(SERVER) },
  { methods: ['GET'], path: '/v1/status/peers', run: () => json([SERVER]) },
]
