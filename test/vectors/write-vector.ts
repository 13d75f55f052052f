/** Where vectors lie, and keys that nobody will mistake for a secret. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The key of a vector: made from its name, the same at every run. */
export function vectorKey(name: string): Buffer {
  return createHash('sha256').update(`coffer test vector, no secret: ${name}`).digest()
}

/** 16 groups of 4 digits. */
export function digits(key: Uint8Array): string {
  return Buffer.from(key).toString('hex').match(/.{4}/g)?.join(' ') ?? ''
}

export function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`)
}

/** Writes the objects of a destination as the files of a folder. */
export function writeObjects(folder: string, objects: Iterable<[string, Uint8Array]>): void {
  for (const [name, bytes] of objects) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
}
