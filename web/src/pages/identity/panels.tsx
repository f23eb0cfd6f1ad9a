import type { ReactNode } from 'react'
import type { AccountView, ClientView, GrantView, SigningKeyView } from '../../api/identity.ts'
import { removeClient, revokeGrant, rotateKeys, setDisabled } from '../../api/identity.ts'
import { formatNoun } from '../../format.ts'
import type { Deed } from './deed.ts'

type Ask = (deed: Deed) => void

/** One table with its heading; `none` where it has no row. */
function Panel(props: {
  readonly id: string
  readonly title: string
  readonly count: string
  readonly none: string
  readonly columns: readonly string[]
  readonly action?: ReactNode
  readonly rows: readonly ReactNode[]
}): ReactNode {
  const { id, title, count, none, columns, action, rows } = props
  return (
    <section className="panel" aria-labelledby={`${id}-heading`}>
      <div className="panel-head">
        <h2 id={`${id}-heading`}>{title}</h2>
        <span className="muted">{count}</span>
        {action}
      </div>
      {rows.length === 0 ? (
        <p className="empty">{none}</p>
      ) : (
        <table className="table cards">
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
              <th scope="col" aria-label="Actions" />
            </tr>
          </thead>
          <tbody>{rows}</tbody>
        </table>
      )}
    </section>
  )
}

function Action(props: {
  readonly testId: string
  readonly text: string
  readonly onClick: () => void
}): ReactNode {
  return (
    <button type="button" className="button" data-testid={props.testId} onClick={props.onClick}>
      {props.text}
    </button>
  )
}

/** Who may ask for tokens. */
export function ClientsPanel(props: {
  readonly clients: readonly ClientView[]
  readonly ask: Ask
}): ReactNode {
  const { clients, ask } = props
  const rows = clients.map(({ id, name, source, isPublic, grants, scopes, needsConsent }) => (
    <tr key={id} data-testid={`client-${id}`}>
      <th scope="row" data-label="Client">
        {name === id ? id : `${name} (${id})`}
      </th>
      <td data-label="From">{source}</td>
      <td data-label="Kind">
        {isPublic ? 'public' : 'confidential'}
        {needsConsent ? ', asks people' : ''}
      </td>
      <td data-label="Grants">{grants.map((grant) => grant.split(':').at(-1)).join(', ')}</td>
      <td data-label="Scopes">{scopes.join(', ')}</td>
      <td>
        {source !== 'file' && (
          <Action
            testId={`client-remove-${id}`}
            text="Remove"
            onClick={() =>
              ask({
                title: `Remove the client ${id}?`,
                consequence: 'It gets no token any more, and what it holds is gone.',
                confirm: 'Remove it',
                isDangerous: true,
                done: `The client ${id} is gone`,
                run: () => removeClient(id),
              })
            }
          />
        )}
      </td>
    </tr>
  ))
  return (
    <Panel
      id="clients"
      title="Clients"
      count={formatNoun(clients.length, 'client')}
      none="No client: add one in the file, or with `backplane identity client add`."
      columns={['Client', 'From', 'Kind', 'Grants', 'Scopes']}
      rows={rows}
    />
  )
}

/** Who can sign in. */
export function AccountsPanel(props: {
  readonly accounts: readonly AccountView[]
  readonly ask: Ask
}): ReactNode {
  const { accounts, ask } = props
  const rows = accounts.map(({ id, login, name, roles, groups, isDisabled }) => (
    <tr key={id} data-testid={`account-${login}`}>
      <th scope="row" data-label="Account">
        {login}
      </th>
      <td data-label="Name">{name}</td>
      <td data-label="Roles">{roles.join(', ')}</td>
      <td data-label="Groups">{groups.join(', ')}</td>
      <td data-label="State">{isDisabled ? 'disabled' : 'active'}</td>
      <td>
        <Action
          testId={`account-switch-${login}`}
          text={isDisabled ? 'Enable' : 'Disable'}
          onClick={() =>
            ask({
              title: `${isDisabled ? 'Enable' : 'Disable'} the account ${login}?`,
              consequence: isDisabled
                ? 'It can sign in again.'
                : 'It is signed out everywhere and cannot sign in. Access tokens that it has end within minutes.',
              confirm: isDisabled ? 'Enable it' : 'Disable it',
              isDangerous: !isDisabled,
              done: `${login} is ${isDisabled ? 'enabled' : 'disabled'}`,
              run: () => setDisabled(login, !isDisabled),
            })
          }
        />
      </td>
    </tr>
  ))
  return (
    <Panel
      id="accounts"
      title="Accounts"
      count={formatNoun(accounts.length, 'account')}
      none="No account: add one with `backplane identity account add`, or let people register."
      columns={['Account', 'Name', 'Roles', 'Groups', 'State']}
      rows={rows}
    />
  )
}

/** Which client may do what for whom. */
export function GrantsPanel(props: {
  readonly grants: readonly GrantView[]
  readonly ask: Ask
}): ReactNode {
  const { grants, ask } = props
  const rows = grants.map(({ id, client, account, scopes, grantedMs }) => (
    <tr key={id} data-testid={`grant-${account}-${client}`}>
      <th scope="row" data-label="Account">
        {account}
      </th>
      <td data-label="Client">{client}</td>
      <td data-label="Scopes">{scopes.join(', ')}</td>
      <td data-label="Since">{timeText(grantedMs)}</td>
      <td>
        <Action
          testId={`grant-revoke-${account}-${client}`}
          text="Revoke"
          onClick={() =>
            ask({
              title: `Revoke what ${client} may do for ${account}?`,
              consequence:
                'Its refresh tokens end at once, its access tokens within minutes; the person is asked again, or signs in again.',
              confirm: 'Revoke it',
              isDangerous: true,
              done: 'The grant is revoked',
              run: () => revokeGrant(id),
            })
          }
        />
      </td>
    </tr>
  ))
  return (
    <Panel
      id="grants"
      title="Grants"
      count={formatNoun(grants.length, 'grant')}
      none="Nobody has granted anything."
      columns={['Account', 'Client', 'Scopes', 'Since']}
      rows={rows}
    />
  )
}

/** Which keys sign, and when they go. */
export function KeysPanel(props: {
  readonly keys: readonly SigningKeyView[]
  readonly ask: Ask
}): ReactNode {
  const { keys, ask } = props
  const signing = new Set<string>()
  const rows = keys.map((key) => {
    // Those that sign now come first, one of each algorithm.
    const signs = !signing.has(key.alg) && key.signsFromMs <= Date.now()
    if (signs) signing.add(key.alg)
    return (
      <tr key={key.kid} data-testid={`signing-key-${key.kid}`}>
        <th scope="row" data-label="Key" className="mono">
          {key.kid.slice(0, 12)}
        </th>
        <td data-label="Algorithm">{key.alg}</td>
        <td data-label="State">{signs ? 'signs' : 'verifies'}</td>
        <td data-label="Signs from">{timeText(key.signsFromMs)}</td>
        <td data-label="until">{timeText(key.signsUntilMs)}</td>
        <td data-label="Gone">{timeText(key.removedMs)}</td>
        <td />
      </tr>
    )
  })
  return (
    <Panel
      id="signing-keys"
      title="Signing keys"
      count={formatNoun(keys.length, 'key')}
      none="No key yet."
      columns={['Key', 'Algorithm', 'State', 'Signs from', 'until', 'Gone']}
      action={
        <Action
          testId="keys-rotate"
          text="Rotate now"
          onClick={() =>
            ask({
              title: 'Let new keys sign?',
              consequence:
                'They sign in a second; what the old ones have signed stays valid until it expires. Nobody notices.',
              confirm: 'Rotate',
              isDangerous: false,
              done: 'New keys sign',
              run: rotateKeys,
            })
          }
        />
      }
      rows={rows}
    />
  )
}

function timeText(ms: number): string {
  return new Date(ms).toLocaleString()
}
