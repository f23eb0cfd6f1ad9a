/** A browser without JavaScript: cookies by path, redirects by hand, forms as they are in the page. */
export class TestBrowser {
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>()

  /** The names of what it keeps. */
  get cookieNames(): readonly string[] {
    return [...this.#cookies.keys()]
  }

  /** One request, without following anything. */
  async request(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url)
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => pathname === path || pathname.startsWith(path.replace(/\/?$/, '/')))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
    const headers = new Headers({ accept: 'text/html' })
    new Headers(init.headers).forEach((value, name) => headers.set(name, value))
    if (cookie !== '') headers.set('cookie', cookie)
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return response
  }

  /** Follows redirects as long as they stay at the issuer; the last answer, and where it leads away. */
  async go(
    url: string,
    init: RequestInit = {},
  ): Promise<{ response: Response; away: string; at: string }> {
    let at = url
    let response = await this.request(at, init)
    for (let hops = 0; hops < 10; hops++) {
      const location = response.headers.get('location')
      if (location === null) return { response, away: '', at }
      const next = new URL(location, at).href
      if (new URL(next).origin !== new URL(url).origin) return { response, away: next, at }
      at = next
      response = await this.request(at)
    }
    throw new Error('too many redirects')
  }

  /** Sends the form of a page whose action ends so, with these fields over its hidden ones. */
  async submit(
    page: { readonly text: string; readonly at: string },
    actionEnd: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ) {
    const form = formIn(page.text, actionEnd)
    const body = new URLSearchParams({ ...form.hidden, ...fields })
    return this.go(new URL(form.action, page.at).href, {
      method: 'POST',
      body,
      headers: { origin: new URL(page.at).origin, ...headers },
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
    const path = attributes.find((one) => one.startsWith('path='))?.slice(5) ?? '/'
    if (value === '' || attributes.some((one) => /^expires=Thu, 01 Jan 1970/i.test(one))) {
      this.#cookies.delete(name)
    } else this.#cookies.set(name, { value, path })
  }
}

function formIn(text: string, actionEnd: string) {
  for (const [form, action = ''] of text.matchAll(
    /<form[^>]*action="([^"]*)"[^>]*>[\s\S]*?<\/form>/g,
  )) {
    if (!action.endsWith(actionEnd)) continue
    const hidden = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
    return { action, hidden: Object.fromEntries(hidden.map(([, name, value]) => [name, value])) }
  }
  throw new Error(`no form to ${actionEnd} in: ${text}`)
}
