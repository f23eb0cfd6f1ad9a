import type { ReactNode } from 'react'
import { useState } from 'react'
import { loadIdentity, type IdentityView } from '../../api/identity.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone } from '../../ui/toasts.tsx'
import { useLatest } from '../keys/use-latest.ts'
import { AccountsPanel, ClientsPanel, GrantsPanel, KeysPanel } from './panels.tsx'
import type { Deed } from './deed.ts'

/** Who may ask for tokens, who can sign in, what was granted, and which keys sign. */
export function IdentityPage(): ReactNode {
  const [identity, look] = useLatest(loadIdentity)
  const [deed, setDeed] = useState<Deed | null>(null)
  if (identity === null) return <div className="skeleton skeleton-map" aria-busy="true" />
  if (identity.state === 'away') return <Away />
  return (
    <>
      <About identity={identity} />
      <ClientsPanel clients={identity.clients} ask={setDeed} />
      <AccountsPanel accounts={identity.accounts} ask={setDeed} />
      <GrantsPanel grants={identity.grants} ask={setDeed} />
      <KeysPanel keys={identity.keys} ask={setDeed} />
      {deed !== null && (
        <ConfirmDialog
          title={deed.title}
          confirmText={deed.confirm}
          isDangerous={deed.isDangerous}
          onClose={() => setDeed(null)}
          onConfirm={async () => {
            await deed.run()
            toastDone(deed.done)
            look()
          }}
        >
          <p>{deed.consequence}</p>
        </ConfirmDialog>
      )}
    </>
  )
}

function Away(): ReactNode {
  return (
    <section className="panel" aria-labelledby="identity-heading">
      <div className="panel-head">
        <h1 id="identity-heading">Identity</h1>
      </div>
      <p className="empty" data-testid="identity-away">
        There is no issuer. Write <code>{'identity: {}'}</code> into the file to have one; if it is
        there, its process is being started.
      </p>
    </section>
  )
}

function About(props: { readonly identity: Extract<IdentityView, { state: 'here' }> }): ReactNode {
  const { issuer, audience } = props.identity
  return (
    <section className="panel" aria-labelledby="identity-heading">
      <div className="panel-head">
        <h1 id="identity-heading">Identity</h1>
        <span className="mono muted" data-testid="identity-issuer">
          {issuer}
        </span>
      </div>
      <p className="empty">
        Tokens are for <span className="mono">{audience}</span> where they ask for nothing else.
        Clients find everything at{' '}
        <a href={`${issuer}/.well-known/openid-configuration`}>openid-configuration</a>; people look
        after their account at <a href={`${issuer}/account`}>account</a>.
      </p>
    </section>
  )
}
