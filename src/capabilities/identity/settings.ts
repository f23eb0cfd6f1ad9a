import type { SettingsPart } from '../../platform/config/part.ts'
import { checkIdentity } from './check-settings.ts'
import { listenerRow } from './listener.ts'
import { identitySection } from './schema.ts'

/** The part of `backplane.yaml` that says who may ask for tokens. */
export const identitySettings = {
  sections: { identity: identitySection },
  listeners: { identity: listenerRow },
  restart: ['identity.postgres', 'identity.key'],
  check: checkIdentity,
} as const satisfies SettingsPart
