import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Keystore } from '../../../vault/keystore/keystore.ts'
import { createKeystore } from '../../../vault/keystore/open-keystore.ts'
import { LogBroken } from '../../../vault/log/chain.ts'
import { readCheckpoint, writeCheckpoint } from '../../../vault/log/checkpoint.ts'
import { KnownRows } from '../../../vault/log/known-rows.ts'
import type { Storage } from '../../../vault/store/storage.ts'
import { openSqlite } from '../../../vault/store/sqlite.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string
let keystore: Keystore
let storage: Storage
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-checkpoint-'))
  keystore = await createKeystore({ kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }, 'one')
  storage = await openSqlite({ file: join(folder, 'vault.db'), now: Date.now })
})
afterAll(async () => {
  await storage.close()
  await keystore.close()
  rmSync(folder, { recursive: true })
})

function knowing(count: number): KnownRows {
  const known = new KnownRows()
  for (let at = 1; at <= count; at++) {
    const rid = createHash('sha256').update(String(at)).digest()
    known.set({ rid, counter: at, digest: createHash('sha256').update(rid).digest() })
  }
  return known
}

const all = (known: KnownRows): Buffer =>
  Buffer.concat([...known.entries()].map((it) => Buffer.from(it)).sort(Buffer.compare))

/** A storage that has this checkpoint. */
function having(place: number, parts: readonly Buffer[]): Storage {
  async function* given(): AsyncGenerator<Buffer> {
    yield* parts
  }
  return { ...storage, checkpoint: () => Promise.resolve({ place, parts: given() }) }
}

async function partsOf(): Promise<Buffer[]> {
  const stored = await storage.checkpoint()
  const parts: Buffer[] = []
  if (stored) for await (const part of stored.parts) parts.push(part)
  return parts
}

describe('a checkpoint', () => {
  // The last one takes more than one part.
  it.each([0, 1, 60_000])('gives back what was known, and where: %i records', async (count) => {
    const known = knowing(count)
    const position = { place: count + 7, hash: randomBytes(32) }
    await writeCheckpoint({ storage, keystore }, { known, position, keepFrom: 1 })
    const read = await readCheckpoint(storage, keystore.identity)
    expect(read.position).toEqual(position)
    expect(read.known.size).toBe(count)
    expect(all(read.known).equals(all(known))).toBe(true)
  })

  it('is refused when any one of its bytes is another, or one of its parts is missing, twice there or moved', async () => {
    const position = { place: 90_000, hash: randomBytes(32) }
    await writeCheckpoint({ storage, keystore }, { known: knowing(3), position, keepFrom: 1 })
    const parts = await partsOf()
    const refuses = (place: number, given: readonly Buffer[]) =>
      expect(readCheckpoint(having(place, given), keystore.identity)).rejects.toThrow(LogBroken)
    for (const [which, part] of parts.entries())
      for (let at = 0; at < part.length; at++) {
        const other = Buffer.from(part)
        other[at] = (other[at] ?? 0) ^ (1 << (at % 8))
        await refuses(90_000, parts.with(which, other))
      }
    await expect(readCheckpoint(having(90_000, parts), keystore.identity)).resolves.toMatchObject({ position })
    for (const place of [89_999, 90_001, 0]) await refuses(place, parts)
    for (let at = 0; at < parts.length; at++) {
      await refuses(90_000, parts.toSpliced(at, 1))
      await refuses(90_000, parts.toSpliced(at, 0, ...parts.slice(at, at + 1)))
    }
    await refuses(90_000, parts.toReversed())
    await refuses(90_000, [...parts, Buffer.alloc(0)])
  })

  it('of another vault is refused', async () => {
    const elsewhere = join(folder, 'other')
    const other = await createKeystore({ kind: 'software', file: elsewhere, anchorFolder: folder }, 'two')
    const position = { place: 91_000, hash: randomBytes(32) }
    await writeCheckpoint({ storage, keystore: other }, { known: knowing(2), position, keepFrom: 1 })
    await expect(readCheckpoint(storage, keystore.identity)).rejects.toThrow('not signed by this vault')
    await other.close()
  })
})
