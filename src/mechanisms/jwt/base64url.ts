const ALPHABET = /^[A-Za-z0-9_-]*$/
/** What the last character may be, where it stands for fewer than six bits: the others must be 0. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

/**
 * Bytes of a text in base64url without padding (RFC 7515 section 2), or undefined for one that is not the one spelling of its bytes: a character beside
 * the alphabet, a length that no bytes have, or bits behind the last byte that are not 0.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  return isCanonical(text) ? Buffer.from(text, 'base64url') : undefined
}

function isCanonical(text: string): boolean {
  if (!ALPHABET.test(text)) return false
  switch (text.length % 4) {
    case 0:
      return true
    case 2:
      return LAST_OF_TWO.test(text)
    case 3:
      return LAST_OF_THREE.test(text)
    default:
      return false
  }
}
