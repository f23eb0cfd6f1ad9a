import type { AlertmanagerHealth } from './notify/alertmanager.ts'
import type { Delivery, DeliveryLine } from './deliver/deliveries.ts'
import type { AlertStanding } from './dispatch/dispatcher.ts'
import type { Silence } from './dispatch/silences.ts'

/** A silence as somebody asks for it. */
export type SilenceAsked = Omit<Silence, 'id'> & { readonly id: string | undefined }

/** What the admin routes answer from. */
export interface Alerts {
  readonly standings: () => readonly AlertStanding[]
  readonly silences: () => readonly Silence[]
  /** Resolves when it is on the disk. Throws `PatternError`, `SilencesFullError`, and what the disk says. */
  readonly silence: (asked: SilenceAsked) => Promise<Silence>
  /** Ends one; false where none is in force. */
  readonly endSilence: (id: string) => Promise<boolean>
  readonly waiting: () => readonly Delivery[]
  readonly deliveries: () => readonly DeliveryLine[]
  readonly alertmanagers: () => readonly AlertmanagerHealth[]
  /** Receivers by name, with the kinds of their notifiers. */
  readonly receivers: () => readonly { readonly name: string; readonly kinds: readonly string[] }[]
}
