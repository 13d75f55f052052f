/**
 * The text of an `attributedBody`: an NSAttributedString as NSArchiver writes it, in the "streamtyped" format that
 * NeXT's typed streams became. The format has no published description; this follows what the streams of real
 * messages show, and reads only as far as the text:
 *
 *     04 0b "streamtyped" 81 e8 03           version 4, name, system version 1000
 *     84 01 "@"                              types of the values that follow: one object
 *     84 <class chain>                       an NSAttributedString; its first value, again "@", is
 *     84 <class chain> 84 01 "+" n <bytes>   an NSString: length and UTF-8
 *
 * A number is one byte, or 0x81 and two bytes, or 0x82 and four, little-endian. 0x84 begins something new, 0x85 is
 * nil, and 0x92 and above refer to something that began earlier: strings (types, class names) are numbered among
 * themselves, objects and classes among themselves. The blob is hostile: every read is checked, nothing is
 * allocated by a length it states, and a chain of classes is at most 16 long.
 */

const fresh = 0x84
const nil = 0x85
const firstReference = 0x92
const longestChain = 16

/** Broken UTF-8 is shown as such rather than refused; a mark at the beginning is part of the text. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Thrown and caught in here alone. */
class NotText extends Error {}

/** The text, or null if this is no attributed string that can be read. Never throws. */
export function attributedText(blob: Uint8Array): string | null {
  try {
    return new Reader(blob).text()
  } catch (error) {
    if (error instanceof NotText) return null
    throw error
  }
}

interface Class {
  /** This class and those it comes from. */
  names: string[]
}

class Reader {
  readonly #blob: Uint8Array
  #at = 0
  readonly #strings: string[] = []
  /** Classes by their number; an object's number holds undefined. */
  readonly #objects: (Class | undefined)[] = []

  constructor(blob: Uint8Array) {
    this.#blob = blob
  }

  text(): string {
    if (this.#number() !== 4 || this.#name() !== 'streamtyped') throw new NotText()
    this.#number()
    for (let depth = 0; depth < 4; depth++) {
      const types = this.#string()
      if (!types.startsWith('@')) throw new NotText()
      const { names } = this.#object()
      if (names.includes('NSString')) {
        if (this.#string() !== '+') throw new NotText()
        return utf8.decode(this.#bytes(this.#number()))
      }
      if (!names.includes('NSAttributedString')) throw new NotText()
    }
    throw new NotText()
  }

  /** Begins an object and gives its class; its values come next. */
  #object(): Class {
    if (this.#byte() !== fresh) throw new NotText()
    this.#objects.push(undefined)
    return this.#class()
  }

  #class(): Class {
    const names: string[] = []
    const begun: Class[] = []
    for (let length = 0; length < longestChain; length++) {
      const mark = this.#byte()
      if (mark === nil) return this.#finish(begun, names)
      if (mark >= firstReference) {
        const known = this.#objects[mark - firstReference]
        if (!known) throw new NotText()
        return this.#finish(begun, [...names, ...known.names])
      }
      if (mark !== fresh) throw new NotText()
      const one: Class = { names: [] }
      begun.push(one)
      this.#objects.push(one)
      names.push(this.#string())
      this.#number() // the class's version
    }
    throw new NotText()
  }

  /** Each class that began here comes from all those after it. */
  #finish(begun: Class[], names: string[]): Class {
    for (const [index, one] of begun.entries()) one.names = names.slice(index)
    return { names }
  }

  /** A type or a class name, new or known. */
  #string(): string {
    const mark = this.#byte()
    if (mark >= firstReference) {
      const known = this.#strings[mark - firstReference]
      if (known === undefined) throw new NotText()
      return known
    }
    if (mark !== fresh) throw new NotText()
    const name = this.#name()
    this.#strings.push(name)
    return name
  }

  #name(): string {
    return String.fromCharCode(...this.#bytes(Math.min(this.#number(), 256)))
  }

  #number(): number {
    const mark = this.#byte()
    if (mark === 0x81) return this.#byte() | (this.#byte() << 8)
    if (mark === 0x82) return (this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) | (this.#byte() << 24)) >>> 0
    if (mark > 0x82) throw new NotText()
    return mark
  }

  #bytes(count: number): Uint8Array {
    if (count > this.#blob.length - this.#at) throw new NotText()
    this.#at += count
    return this.#blob.subarray(this.#at - count, this.#at)
  }

  #byte(): number {
    const byte = this.#blob[this.#at++]
    if (byte === undefined) throw new NotText()
    return byte
  }
}
