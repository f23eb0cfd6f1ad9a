const ESCAPE = '\x1b'
const RESET = '\x1b[0m'
/**
 * A control character (C0, DEL, C1) and, after ESC, what makes it a colour: SGR of ECMA-48 (8.3.117), which does nothing but change how text
 * looks. C1 counts because U+009B is to many terminals what ESC [ is.
 */
const CONTROL = /(\p{Cc})(\[[0-9;:]{0,64}m)?/gu

/**
 * One line as a terminal may show it, whoever wrote it: control characters but the tab are shown escaped (`\x1b`, `\x9b`), so that they can
 * neither move the cursor, write the clipboard, rename the window nor make up lines. Colours stay, and are reset at the end of the line.
 */
export function showOnTerminal(line: string): string {
  let isColoured = false
  const shown = line.replaceAll(CONTROL, (found, control: string, colour: string | undefined) => {
    if (control === '\t') return found
    if (control !== ESCAPE || colour === undefined) return escapeControl(control) + (colour ?? '')
    isColoured = true
    return found
  })
  return isColoured ? shown + RESET : shown
}

/** The same for a text of several lines. */
export function showLinesOnTerminal(text: string): string {
  return text.split('\n').map(showOnTerminal).join('\n')
}

function escapeControl(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
