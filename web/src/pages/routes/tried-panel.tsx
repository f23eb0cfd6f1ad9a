import type { ReactNode } from 'react'
import type { TriedRoute } from '../../api/routes.ts'
import { hrefOf } from '../../route.ts'

/** What would happen to a request: route, policies, services, and why. */
export function TriedPanel({ tried }: { readonly tried: TriedRoute }): ReactNode {
  const { route, refusal } = tried
  return (
    <dl className="try-answer" data-testid="tried">
      {refusal !== null && (
        <Fact name="Answer">
          {refusal.detail}{' '}
          <a className="mono" href={hrefOf({ page: 'code', code: refusal.code })}>
            {refusal.code}
          </a>
        </Fact>
      )}
      {route !== null && (
        <Fact name="Route">
          <span className="mono">{route.pattern}</span>{' '}
          <span className="muted">
            {route.source}: {route.why}
          </span>
        </Fact>
      )}
      {tried.policies.length > 0 && (
        <Fact name="Policies">
          <ol className="try-policies">
            {tried.policies.map(({ kind, from, does, source }, at) => (
              <li key={`${kind} ${at}`}>
                <strong>{kind}</strong>: {does}{' '}
                <span className="muted">
                  {from === 'route' ? '' : `${from}, `}
                  {source}
                </span>
              </li>
            ))}
          </ol>
        </Fact>
      )}
      {tried.services.map(({ name, share, routable, instances }) => (
        <Fact key={name} name="Service">
          <a href={hrefOf({ page: 'service', service: name })}>{name}</a>
          {share < 1 && ` (${Math.round(share * 1_000) / 10} %)`}, {routable} of {instances}{' '}
          instances in rotation
        </Fact>
      ))}
      {route !== null && tried.services.length > 0 && (
        <Fact name="Gets">
          <span className="mono">
            {tried.method} {route.upstream}
          </span>
        </Fact>
      )}
      {tried.others.map((other) => (
        <Fact key={other.source} name="Not">
          <span className="mono">{other.route}</span>: {other.why}{' '}
          <span className="muted">{other.source}</span>
        </Fact>
      ))}
    </dl>
  )
}

function Fact(props: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="fact">
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  )
}
