/** Two spellings of one name are one login. */
export function normalizedLogin(login: string): string {
  return login.trim().normalize('NFKC').toLowerCase()
}
