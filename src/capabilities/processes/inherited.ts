/** What services inherit of our environment. A variable that a secret is read from is for the setting that names it, not for every service. */
export function withoutSecrets(
  env: Readonly<Record<string, string | undefined>>,
  secretVariables: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const secrets = new Set([...secretVariables, 'BACKPLANE_TOKEN'])
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name)))
}
