import { html, type Html } from './html.ts'

/** How pages look: the name of the system, where they are, and CSS variables of the operator's. */
export interface PageLook {
  readonly system: string
  /** `/identity`. */
  readonly base: string
  readonly variables: Readonly<Record<string, string>>
}

/** A whole page. */
export interface Page {
  readonly title: string
  readonly body: Html
  /** Origins beside our own to which a form of this page may lead, also by a redirect: Chromium holds `form-action` against both. */
  readonly formTargets?: readonly string[]
  /** It runs the script of passkeys; all others run none. */
  readonly hasScript?: boolean
}

/** The text of a page: one column, one heading, works without a script. */
export function renderPage({ title, body, hasScript }: Page, { system, base }: PageLook): string {
  const script =
    hasScript === true
      ? html`<script type="module" src="${base}/assets/passkeys.js"></script>`
      : undefined
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <link rel="icon" href="data:," />
        <title>${title} - ${system}</title>
        <link rel="stylesheet" href="${base}/assets/style.css" />
        <link rel="stylesheet" href="${base}/assets/look.css" />
        ${script}
      </head>
      <body>
        <main>
          <p class="system">${system}</p>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html> `
  return page.text
}

/** What every page of ours is sent with: no frame, no foreign code, nothing kept. */
export function pageHeaders({ formTargets = [], hasScript }: Page): Record<string, string> {
  const targets = ["'self'", ...formTargets].join(' ')
  const script = hasScript === true ? "script-src 'self'; connect-src 'self'; " : ''
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': `default-src 'none'; style-src 'self'; img-src 'self' data:; ${script}form-action ${targets}; frame-ancestors 'none'; base-uri 'none'`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    // With no-referrer browsers send our own forms with `Origin: null`.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  }
}

/** Where a client's URI leads, as `form-action` says it: an origin, or the scheme of an app. */
export function formTargetOf(uri: unknown): readonly string[] {
  if (typeof uri !== 'string') return []
  const url = URL.parse(uri)
  if (url === null) return []
  return [url.origin === 'null' ? url.protocol : url.origin]
}

/** Our own look; every colour and length that an operator may want to change is a variable. */
export const STYLE = `:root {
  color-scheme: light dark;
  --accent: light-dark(#0b57d0, #a8c7fa);
  --accent-text: light-dark(#ffffff, #062e6f);
  --background: light-dark(#f3f4f6, #16181d);
  --surface: light-dark(#ffffff, #20242b);
  --text: light-dark(#1b1f24, #e7e9ee);
  --muted: light-dark(#57606a, #a5adb9);
  --line: light-dark(#8c959f, #69717d);
  --danger: light-dark(#a40e26, #ff9492);
  --radius: 8px;
  --font: system-ui, sans-serif;
  --width: 26rem;
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--background); color: var(--text); font: 1rem/1.5 var(--font); }
main { width: 100%; max-width: var(--width); padding: 2rem; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.1rem; }
.system { margin: 0; color: var(--muted); }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input { width: 100%; padding: 0.6rem 0.75rem; border: 1px solid var(--line); border-radius: var(--radius); background: transparent; color: inherit; font: inherit; }
button { width: 100%; margin-top: 1.25rem; padding: 0.7rem 1rem; border: 1px solid var(--accent); border-radius: var(--radius); background: var(--accent); color: var(--accent-text); font: inherit; font-weight: 600; cursor: pointer; }
button.plain { background: transparent; color: var(--accent); margin-top: 0.5rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { margin: 0 0 1rem; padding: 0.6rem 0.75rem; border: 1px solid var(--danger); border-radius: var(--radius); color: var(--danger); }
.hint { color: var(--muted); font-size: 0.9rem; }
.links { margin-top: 1.25rem; display: flex; gap: 1rem; flex-wrap: wrap; }
a { color: var(--accent); }
ul.codes { padding: 0; list-style: none; columns: 2; font-family: ui-monospace, monospace; }
ul.rows { padding: 0; list-style: none; }
ul.rows li { padding: 0.75rem 0; border-top: 1px solid var(--line); }
.code { font: 700 1.75rem ui-monospace, monospace; letter-spacing: 0.1em; }
`

/** The operator's variables, each of which the settings have checked. */
export function lookStyle({ variables }: PageLook): string {
  const lines = Object.entries(variables).map(([name, value]) => `  --${name}: ${value};`)
  return `:root {\n${lines.join('\n')}\n}\n`
}
