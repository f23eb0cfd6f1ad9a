/** Attributes of one record; what is beyond stands together in `OVERFLOW_NAME`, as JSON. */
export const ATTRIBUTES_MAX = 512
/** Objects within each other; what is deeper stays JSON. */
export const ATTRIBUTE_DEPTH_MAX = 12
/** Levels of what stays JSON; what is deeper becomes null: writing and reading it again would take the stack of everybody who does. */
const JSON_DEPTH_MAX = 64
/** Characters of all attributes of a record; further ones are left out and counted in `CUT_NAME`. */
export const ATTRIBUTES_LENGTH_MAX = 256 * 1024
/** Characters of a name. */
const NAME_LENGTH_MAX = 256
/** Fields beyond the limit, as one text of JSON. */
export const OVERFLOW_NAME = 'backplane.fields.beyond'
/** How many fields did not fit any more. */
export const CUT_NAME = 'backplane.fields.dropped'

/** Writes the attributes of a record as JSON text of one flat object: names of objects within each other are put together with dots. */
export class AttributeText {
  #text = ''
  #count = 0
  #dropped = 0
  #beyond = ''

  /** Attributes that are there. */
  get count(): number {
    return this.#count
  }

  /** Forgets everything, for the next record. */
  clear(): void {
    this.#text = ''
    this.#count = 0
    this.#dropped = 0
    this.#beyond = ''
  }

  /** A text. */
  addText(name: string, value: string): void {
    this.#add(name, quote(value))
  }

  /** A whole number, a fraction or a truth value, as JSON writes it. */
  addPlain(name: string, value: number | boolean): void {
    this.#add(
      name,
      typeof value === 'number' && !Number.isFinite(value) ? `"${value}"` : String(value),
    )
  }

  /** JSON text, which stays as it is. */
  addJson(name: string, json: string): void {
    this.#add(name, json)
  }

  /** Whatever JSON can say. */
  addValue(name: string, value: unknown, depth = 0): void {
    switch (typeof value) {
      case 'string':
        return this.addText(name, value)
      case 'number':
      case 'boolean':
        return this.addPlain(name, value)
      case 'bigint':
        return this.#add(name, String(value))
      case 'object':
        return this.#addObject(name, value, depth)
      case 'undefined':
      case 'function':
      case 'symbol':
        return
      default:
        return
    }
  }

  /** The object. */
  finish(): string {
    if (this.#beyond !== '') this.#put(OVERFLOW_NAME, quote(`{${this.#beyond}}`))
    if (this.#dropped > 0) this.#put(CUT_NAME, String(this.#dropped))
    const text = `{${this.#text}}`
    this.clear()
    return text
  }

  #addObject(name: string, value: object | null, depth: number): void {
    if (value === null) return
    if (Array.isArray(value) || depth >= ATTRIBUTE_DEPTH_MAX) {
      return this.#add(name, wellFormed(shallowJson(value)))
    }
    for (const [key, inner] of Object.entries(value)) {
      this.addValue(name === '' ? key : `${name}.${key}`, inner, depth + 1)
    }
  }

  #add(name: string, json: string): void {
    const wanted = name.length > NAME_LENGTH_MAX ? name.slice(0, NAME_LENGTH_MAX) : name
    const length = this.#text.length + this.#beyond.length + json.length + wanted.length
    if (length > ATTRIBUTES_LENGTH_MAX) this.#dropped++
    else if (this.#count < ATTRIBUTES_MAX) this.#put(wanted, json)
    else this.#beyond += `${this.#beyond === '' ? '' : ','}${quote(wanted)}:${json}`
  }

  #put(name: string, json: string): void {
    this.#text += `${this.#count === 0 ? '' : ','}${quote(name)}:${json}`
    this.#count++
  }
}

/** JSON of a value that came as JSON; more than so many levels are cut, since writing thousands of them throws. */
export function shallowJson(value: unknown): string {
  return JSON.stringify(shallow(value, JSON_DEPTH_MAX))
}

/** The same value where it has no more levels than these, else a copy that is cut there. */
function shallow(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null || !isDeeper(value, levels)) return value
  if (levels === 0) return null
  if (Array.isArray(value)) return value.map((one) => shallow(one, levels - 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shallow(inner, levels - 1)]),
  )
}

function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true
  return Object.values(value).some(
    (inner) => typeof inner === 'object' && inner !== null && isDeeper(inner, levels - 1),
  )
}

/** JSON of a text; halves of characters, which readers of JSON refuse, become marks. */
function quote(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed())
}

/** `JSON.stringify` writes half a character as `\\ud800`, which other readers refuse. */
function wellFormed(json: string): string {
  return json.includes('\\ud')
    ? json.replaceAll(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/gi, '$1\\ufffd')
    : json
}
