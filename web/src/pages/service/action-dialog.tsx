import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { ServiceView } from '../../../../src/contracts/feed.ts'
import { loadConfig, runAction } from '../../api/actions.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone } from '../../ui/toasts.tsx'
import type { StopSettings } from './action-text.ts'
import { restartText, scaleText, stopSettingsOf, stopText } from './action-text.ts'

export type Asked = 'restart' | 'scale' | 'stop' | 'start'

interface AskedProps {
  readonly service: ServiceView
  readonly stop: StopSettings
  readonly onClose: () => void
}

/** Says what an action will do, and does it when it is confirmed. */
export function ActionDialog(props: {
  readonly service: ServiceView
  readonly asked: Asked
  readonly onClose: () => void
}): ReactNode {
  const stop = useStopSettings(props.service.name)
  switch (props.asked) {
    case 'restart':
      return <RestartDialog {...props} stop={stop} />
    case 'stop':
      return <StopDialog {...props} stop={stop} />
    case 'start':
      return <StartDialog {...props} stop={stop} />
    case 'scale':
      return <ScaleDialog {...props} stop={stop} />
    default:
      return props.asked satisfies never
  }
}

function RestartDialog({ service, stop, onClose }: AskedProps): ReactNode {
  return (
    <ConfirmDialog
      title={`Restart ${service.name}?`}
      confirmText="Restart"
      isDangerous={false}
      onClose={onClose}
      onConfirm={async () => {
        await runAction(service.name, { kind: 'restart' })
        toastDone(`${service.name} is being restarted.`)
      }}
    >
      <p>{restartText(service, stop)}</p>
    </ConfirmDialog>
  )
}

function StopDialog({ service, stop, onClose }: AskedProps): ReactNode {
  return (
    <ConfirmDialog
      title={`Stop ${service.name}?`}
      confirmText="Stop"
      isDangerous
      onClose={onClose}
      onConfirm={async () => {
        await runAction(service.name, { kind: 'stop' })
        toastDone(`${service.name} is being stopped.`)
      }}
    >
      <p>{stopText(service.instanceCount, stop)}.</p>
      <p>Requests to {service.name} are answered with 503 until it is started again.</p>
    </ConfirmDialog>
  )
}

function StartDialog({ service, onClose }: AskedProps): ReactNode {
  return (
    <ConfirmDialog
      title={`Start ${service.name}?`}
      confirmText="Start"
      isDangerous={false}
      onClose={onClose}
      onConfirm={async () => {
        await runAction(service.name, { kind: 'start' })
        toastDone(`${service.name} is being started.`)
      }}
    >
      <p>The wanted instances are started; each one gets requests when its checks pass.</p>
    </ConfirmDialog>
  )
}

function ScaleDialog({ service, stop, onClose }: AskedProps): ReactNode {
  const [text, setText] = useState(String(service.wanted))
  const max = Math.max(service.scaleMax, service.wanted)
  const wanted = Number(text)
  const isValid = /^\d{1,4}$/.test(text) && wanted <= max
  return (
    <ConfirmDialog
      title={`Scale ${service.name}`}
      confirmText="Scale"
      isDangerous={false}
      isConfirmable={isValid && wanted !== service.wanted}
      onClose={onClose}
      onConfirm={async () => {
        await runAction(service.name, { kind: 'scale', instances: wanted })
        toastDone(`${service.name} is being scaled to ${wanted}.`)
      }}
    >
      <label className="field">
        Instances, at most {max}
        <input
          type="number"
          min={0}
          max={max}
          step={1}
          value={text}
          data-testid="scale-input"
          aria-invalid={!isValid}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <p aria-live="polite">
        {isValid ? scaleText(service, wanted, stop) : `Give a whole number from 0 to ${max}.`}
      </p>
    </ConfirmDialog>
  )
}

const UNKNOWN: StopSettings = { drain: '', signal: '', grace: '' }

/** Read when the dialog opens; the text says less where the configuration cannot be had. */
function useStopSettings(service: string): StopSettings {
  const [stop, setStop] = useState<StopSettings>(UNKNOWN)
  useEffect(() => {
    let isHere = true
    loadConfig().then(
      (config) => {
        if (isHere) setStop(stopSettingsOf(config.effective, service))
      },
      () => undefined,
    )
    return () => {
      isHere = false
    }
  }, [service])
  return stop
}
