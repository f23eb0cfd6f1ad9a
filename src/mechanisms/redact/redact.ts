/** Stands where something secret was. */
export const REDACTED = '[redacted]'

/** Words that come before a secret, tokens that can be known by their form, and runs of digits: a quick look whether to look closely. */
const SUSPECT =
  /passw|passphrase|secret|token|api[._-]?key|apikey|authorization|bearer|private[._-]?key|credential|cookie|-----BEGIN|\beyJ|\b(?:AKIA|ASIA|gh[pousr]_|xox[abprs]-|sk_live_|sk-|glpat-)|\d(?:[ -]?\d){12}/i

const NAME =
  '(?:passw(?:or)?d|passphrase|secret|[\\w.-]{0,32}[_.-]?(?:token|secret|password|api[_.-]?key|private[_.-]?key)|apikey|authorization|set-cookie|cookie|credentials?)'
/** `"password": "x"`, `password=x`, `Authorization: Bearer x`: the name stays, its value goes. */
const NAMED = new RegExp(
  `(\\b${NAME}\\\\?["']?\\s{0,3}[=:]\\s{0,3})(?:(\\\\?["'])(?:(?!\\2).){1,4096}\\2|(?:bearer |basic )?[^\\s"',;&}\\]\\\\]{1,4096})`,
  'gi',
)
const FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,8192}?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{0,4096}/g,
  /\b(?:bearer|basic) [\w.~+/=-]{8,4096}/gi,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bgh[pousr]_\w{20,255}\b/g,
  /\bxox[abprs]-[\w-]{10,255}/g,
  /\b(?:sk_live_|sk-|glpat-)[\w-]{16,255}/g,
]
const DIGITS = /(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)/g

/** A text without secrets; the same text where it has none. `ruled`: own rules that come first. */
export function redactText(text: string): string {
  if (!SUSPECT.test(text)) return text
  let clean = text.replaceAll(NAMED, (_all, before: string, quote: string | undefined) =>
    quote === undefined ? before + REDACTED : `${before}${quote}${REDACTED}${quote}`,
  )
  for (const form of FORMS) clean = clean.replaceAll(form, REDACTED)
  return clean.replaceAll(DIGITS, (digits) => (isCardNumber(digits) ? REDACTED : digits))
}

/** Whether a text may have a secret: most have none, and this is all that they cost. */
export function isSuspect(text: string): boolean {
  return SUSPECT.test(text)
}

/** Whether an attribute of this name is a secret by its name alone. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

const SECRET_NAME = new RegExp(`(?:^|\\.)${NAME}$`, 'i')

/** ISO/IEC 7812: 13 to 19 digits whose sum by Luhn is a multiple of ten, and which begin as cards do. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, '')
  if (!/^(?:4|5[1-5]|2[2-7]|3[0-9]|6)/.test(digits)) return false
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48
    const doubled = at % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
