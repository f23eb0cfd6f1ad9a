import { SCENE_AT_MS } from './scene.ts'

/** What was asked over DNS in the scene. */
export const dnsAsked = {
  queries: [
    { transport: 'udp', type: 'SRV', outcome: 'answer', count: 1_234 },
    { transport: 'tcp', type: 'A', outcome: 'no-name', count: 2 },
  ],
  truncated: 7,
  dropped: 0,
  limited: { truncate: 1, drop: 2 },
  forwards: 0,
}

/** What Eureka clients asked in the scene. */
export const eurekaAsked = {
  leased: 3,
  preserved: 2,
  twins: 1,
  requests: [
    { labels: { operation: 'renew', status: '200' }, value: 40 },
    { labels: { operation: 'renew', status: '404' }, value: 1 },
  ],
}

/** Any instance that is asked for. */
export const registeredInstance = {
  source: 'eureka',
  node: 'local',
  leaseMs: 90_000,
  renewedAtMs: SCENE_AT_MS - 12_000,
  registeredAtMs: SCENE_AT_MS - 3_600_000,
  override: 'out-of-service',
  overrideReason: 'Eureka: DOWN',
  tags: ['v1'],
  meta: { zone: 'a' },
}
