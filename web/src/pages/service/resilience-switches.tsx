import type { ReactNode } from 'react'
import { useState } from 'react'
import type { BreakerOrder } from '../../../../src/contracts/resilience.ts'
import { drainInstance, orderBreaker } from '../../api/resilience.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone } from '../../ui/toasts.tsx'

const ORDERS = [
  {
    order: 'auto',
    text: 'Let it decide',
    means: 'It opens and closes by what the calls say.',
  },
  {
    order: 'open',
    text: 'Force open',
    means:
      'No call is made: every request is refused, or gets the fallback, until this is taken back.',
  },
  {
    order: 'closed',
    text: 'Force closed',
    means: 'Every call is made, however many fail. They are counted.',
  },
  {
    order: 'disabled',
    text: 'Disable',
    means: 'Every call is made, and nothing is counted.',
  },
] as const satisfies readonly {
  readonly order: BreakerOrder
  readonly text: string
  readonly means: string
}[]

/** The four orders of a breaker; each asks first. */
export function BreakerSwitches(props: {
  readonly service: string
  readonly order: BreakerOrder
}): ReactNode {
  const [asked, setAsked] = useState<(typeof ORDERS)[number] | null>(null)
  return (
    <div className="switches" role="group" aria-label="Breaker">
      {ORDERS.map((one) => (
        <button
          key={one.order}
          type="button"
          className={one.order === props.order ? 'button is-pressed' : 'button'}
          aria-pressed={one.order === props.order}
          disabled={one.order === props.order}
          data-testid={`breaker-${one.order}`}
          onClick={() => setAsked(one)}
        >
          {one.order === props.order ? one.text : `${one.text}…`}
        </button>
      ))}
      {asked !== null && (
        <ConfirmDialog
          title={`${asked.text}: the breaker of ${props.service}?`}
          confirmText={asked.text}
          isDangerous={asked.order === 'open'}
          onClose={() => setAsked(null)}
          onConfirm={async () => {
            await orderBreaker(props.service, asked.order)
            toastDone(`The breaker of ${props.service}: ${asked.text.toLowerCase()}.`)
          }}
        >
          <p>{asked.means}</p>
          <p>It holds for all callers at once, and over restarts.</p>
        </ConfirmDialog>
      )}
    </div>
  )
}

/** Takes an instance out of rotation, or gives it back; asks first. */
export function DrainSwitch(props: {
  readonly service: string
  readonly id: string
  readonly isDrained: boolean
}): ReactNode {
  const [isAsked, setIsAsked] = useState(false)
  const { service, id, isDrained } = props
  const text = isDrained ? 'Undrain' : 'Drain'
  return (
    <>
      <button
        type="button"
        className="button small"
        data-testid={`drain-${id}`}
        onClick={() => setIsAsked(true)}
      >
        {text}…
      </button>
      {isAsked && (
        <ConfirmDialog
          title={`${text} ${id}?`}
          confirmText={text}
          isDangerous={!isDrained}
          onClose={() => setIsAsked(false)}
          onConfirm={async () => {
            await drainInstance(service, id, !isDrained)
            toastDone(isDrained ? `${id} is back in rotation.` : `${id} gets no new requests.`)
          }}
        >
          <p>
            {isDrained
              ? 'Its checks decide again whether it gets requests.'
              : 'It gets no new requests; those in flight end in peace. It stays so until it is taken back.'}
          </p>
        </ConfirmDialog>
      )}
    </>
  )
}
