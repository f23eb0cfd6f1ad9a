import type { MirrorSpec } from '../../contracts/policies.ts'
import { type Policy, type PolicyGround, VERDICT } from './policy.ts'

/** Marks requests of which a copy goes to another service. It is sent when the request itself is over, so nothing of it can wait for the copy. */
export function compileMirror({ service, share }: MirrorSpec, { random }: PolicyGround): Policy {
  const note = `mirror: a copy goes to ${service}`
  return {
    kind: 'mirror',
    request(exchange) {
      if (random() >= share) return VERDICT.go
      exchange.mirrorTo = service
      exchange.note(note)
      return VERDICT.go
    },
  }
}
