import type { ReactNode } from 'react'

/** Labels as small boxes. */
export function LabelList(props: {
  readonly labels: Readonly<Record<string, string>>
  readonly without?: readonly string[]
}): ReactNode {
  const shown = Object.entries(props.labels).filter(([name]) => !props.without?.includes(name))
  return (
    <span className="label-list">
      {shown.map(([name, value]) => (
        <code key={name}>
          {name}={value}
        </code>
      ))}
    </span>
  )
}

/** Matchers that only these labels fulfil. */
export function matchersOf(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
}
