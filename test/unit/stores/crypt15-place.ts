/** Crypt15 files to unlock in a folder of the test's own, and what that gives. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { holdSecret, type Secret } from '../../../main/core/keys/secret.ts'
import { unlockCrypt15, type UnlockCrypt15 } from '../../../main/core/stores/crypt15.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

/** The key of the files that tests make. */
export const root = createHash('sha256').update('a root key').digest()

export const keyOf = (bytes: Buffer): Secret => holdSecret(Buffer.from(bytes))

export function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

export interface Crypt15Place {
  folder: string
  /** Where the crypt15 file is to be put. */
  file: string
  /** Where the database is unlocked to, in a folder that has nothing else. */
  out: string
  /** Unlocks the file with `root`, unless told otherwise. */
  unlock(more?: Partial<UnlockCrypt15>): ReturnType<typeof unlockCrypt15>
  /** The code that unlocking these bytes gives, or `done`; if it fails, nothing may be left behind. */
  codeFor(bytes: Buffer, more?: Partial<UnlockCrypt15>): Promise<string>
  /** The names beside the database, its own among them. */
  left(): string[]
}

export function crypt15ForTest(): Crypt15Place {
  const folder = temporaryFolder()
  const file = join(folder, 'in.crypt15')
  mkdirSync(join(folder, 'out'))
  const out = join(folder, 'out', 'msgstore.db')
  const unlock: Crypt15Place['unlock'] = (more) => unlockCrypt15({ file, key: keyOf(root), out, ...more })
  const left = (): string[] => readdirSync(join(folder, 'out'))
  return {
    folder,
    file,
    out,
    unlock,
    left,
    async codeFor(bytes, more) {
      writeFileSync(file, bytes)
      try {
        await unlock(more)
      } catch (error) {
        if (!(error instanceof CofferError)) throw error
        expect(left()).toEqual([])
        return error.code
      }
      rmSync(out)
      return 'done'
    },
  }
}
