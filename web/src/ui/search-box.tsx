import type { KeyboardEvent, ReactNode, RefObject } from 'react'
import { useEffect, useId, useRef, useState } from 'react'
import type { ServiceView } from '../../../src/contracts/feed.ts'
import { useFeed } from '../feed/store.ts'
import { toneOfService } from '../feed/views.ts'
import { openRoute } from '../route.ts'
import { StateDot } from './state.tsx'

const RESULTS_MAX = 8

/** `/` jumps here; arrows choose a service, Enter opens it, Esc leaves. */
export function SearchBox(): ReactNode {
  const input = useRef<HTMLInputElement>(null)
  const [query, setQuery] = useState('')
  const [isOpen, setIsOpen] = useState(false)
  const [chosen, setChosen] = useState(0)
  const listId = useId()
  const services = useFeed((now) => now.system?.services)
  const results = findServices([...(services?.values() ?? [])], query)
  useSlashKey(input)
  const leave = (): void => {
    setQuery('')
    setIsOpen(false)
    input.current?.blur()
  }
  const open = (name: string | undefined): void => {
    if (name === undefined) return
    openRoute({ page: 'service', service: name })
    leave()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') leave()
    else if (event.key === 'Enter') open(results[chosen]?.name)
    else if (event.key === 'ArrowDown') setChosen(Math.min(chosen + 1, results.length - 1))
    else if (event.key === 'ArrowUp') setChosen(Math.max(chosen - 1, 0))
    else return
    event.preventDefault()
  }
  return (
    <div className="search">
      <input
        ref={input}
        type="text"
        role="combobox"
        data-testid="search"
        placeholder="Search services"
        aria-label="Search services"
        aria-keyshortcuts="/"
        aria-expanded={isOpen}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={isOpen && results[chosen] ? `${listId}-${chosen}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={query}
        onFocus={() => setIsOpen(true)}
        onBlur={() => setIsOpen(false)}
        onChange={(event) => {
          setQuery(event.target.value)
          setChosen(0)
          setIsOpen(true)
        }}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <Results listId={listId} isOpen={isOpen} results={results} chosen={chosen} onOpen={open} />
    </div>
  )
}

function Results(props: {
  readonly listId: string
  readonly isOpen: boolean
  readonly results: readonly ServiceView[]
  readonly chosen: number
  readonly onOpen: (name: string) => void
}): ReactNode {
  return (
    <ul
      role="listbox"
      id={props.listId}
      aria-label="Services"
      className="search-results"
      hidden={!props.isOpen}
    >
      {props.results.map((service, index) => (
        <li
          key={service.name}
          id={`${props.listId}-${index}`}
          role="option"
          aria-selected={index === props.chosen}
          data-testid={`search-result-${service.name}`}
          // The press comes before the input's blur, which would close the list.
          onMouseDown={(event) => {
            event.preventDefault()
            props.onOpen(service.name)
          }}
        >
          <StateDot tone={toneOfService(service.state)} />
          <span>{service.name}</span>
          <span className="muted">{service.state}</span>
        </li>
      ))}
      {props.results.length === 0 && (
        <li className="muted no-result">No service has this in its name</li>
      )}
    </ul>
  )
}

function findServices(services: readonly ServiceView[], query: string): readonly ServiceView[] {
  const wanted = query.trim().toLowerCase()
  const rank = (service: ServiceView): number => service.name.indexOf(wanted)
  return services
    .filter((service) => rank(service) >= 0)
    .toSorted((a, b) => Math.min(1, rank(a)) - Math.min(1, rank(b)))
    .slice(0, RESULTS_MAX)
}

function useSlashKey(input: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const target = event.target instanceof HTMLElement ? event.target : null
      const isTyping = target?.closest('input, textarea, select, dialog') != null
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [input])
}
