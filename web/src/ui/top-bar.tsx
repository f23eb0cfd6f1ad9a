import type { ReactNode } from 'react'
import { useFeed } from '../feed/store.ts'
import { groupOf, isOfPage, NAVIGATION } from '../navigation.ts'
import type { Route } from '../route.ts'
import { hrefOf } from '../route.ts'
import type { Theme } from '../theme.ts'
import { setTheme, useTheme } from '../theme.ts'
import { SearchBox } from './search-box.tsx'

/** Name of the system, what one comes for, the search, the state of the feed, the theme; below it the pages of what one came for. */
export function TopBar({ route }: { readonly route: Route }): ReactNode {
  const name = useFeed((now) => now.system?.name ?? '')
  const here = groupOf(route)
  return (
    <>
      <header className="top-bar">
        <a className="brand" href={hrefOf({ page: 'system' })}>
          <Logo />
          <span className="brand-name" data-testid="system-name">
            {name || 'Backplane'}
          </span>
        </a>
        <nav aria-label="Pages">
          {NAVIGATION.map((group) => (
            <NavLink key={group.text} to={group.pages[0].to} isHere={group === here}>
              {group.text}
            </NavLink>
          ))}
        </nav>
        <SearchBox />
        <FeedState />
        <ThemeSwitch />
      </header>
      {here !== undefined && here.pages.length > 1 && (
        <nav className="sub-nav" aria-label={here.text}>
          {here.pages.map((page) => (
            <NavLink key={page.text} to={page.to} isHere={isOfPage(page, route)}>
              {page.text}
            </NavLink>
          ))}
        </nav>
      )}
    </>
  )
}

function NavLink(props: {
  readonly to: Route
  readonly isHere: boolean
  readonly children: ReactNode
}): ReactNode {
  return (
    <a href={hrefOf(props.to)} aria-current={props.isHere ? 'page' : undefined}>
      {props.children}
    </a>
  )
}

function FeedState(): ReactNode {
  const state = useFeed((now) => now.connection.state)
  const text = { connecting: 'connecting', open: 'live', lost: 'not live' }[state]
  return (
    <span className={`feed-state feed-${state}`} data-testid="feed-state" title="State of the feed">
      <span className="dot" aria-hidden="true" />
      <span>{text}</span>
    </span>
  )
}

const NEXT_THEME: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' }

function ThemeSwitch(): ReactNode {
  const theme = useTheme()
  const next = NEXT_THEME[theme]
  return (
    <button
      type="button"
      className="icon-button"
      data-testid="theme-switch"
      aria-label={`Theme: ${theme}. Switch to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => setTheme(next)}
    >
      <ThemeIcon theme={theme} />
    </button>
  )
}

function ThemeIcon({ theme }: { readonly theme: Theme }): ReactNode {
  const shapes: Record<Theme, ReactNode> = {
    system: (
      <>
        <circle cx="8" cy="8" r="5.5" />
        <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
      </>
    ),
    dark: <path d="M13 9.6A5.6 5.6 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z" />,
    light: (
      <>
        <circle cx="8" cy="8" r="3" />
        <path d="M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13" />
      </>
    ),
  }
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      {shapes[theme]}
    </svg>
  )
}

function Logo(): ReactNode {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 7v18M9 11h9M9 16h13M9 21h6" />
      <circle cx="20.5" cy="11" r="2.2" />
      <circle cx="24" cy="16" r="2.2" />
      <circle cx="17.5" cy="21" r="2.2" />
    </svg>
  )
}
