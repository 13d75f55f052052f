/** Looking for secrets where none may be, in every spelling they are likely to have. */

/** The secret as it is, in hexadecimal digits, and in base64 wherever in a longer text it may begin. */
export function spellings(secret: Uint8Array): string[] {
  const bytes = Buffer.from(secret)
  const plain = [bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('hex').toUpperCase()]
  const base64 = [0, 1, 2].flatMap((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes])
    // The characters that are made of the secret's own bits alone.
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((all.length * 8) / 6)]
    return (['base64', 'base64url'] as const).map((name) => all.toString(name).slice(from, to))
  })
  return [...plain, ...base64, JSON.stringify([...bytes]).slice(1, -1)]
}

/** Which of the named secrets are in a text (bytes as latin1), by name. */
export function tracesIn(text: string, secrets: Readonly<Record<string, Uint8Array>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    spellings(secret).some((spelling) => text.includes(spelling)) ? [name] : [],
  )
}
