/** What all values of values.json are made with. */
import { newArchiveId, newPackId } from '../../main/core/archive/format/names.ts'
import { deriveKeys } from '../../main/core/keys/subkeys.ts'
import { hashOfPage, hashOfPiece } from '../fixtures/sound-parts.ts'
import { vectorKey } from './write-vector.ts'

export const key = vectorKey('values')
export const keys = deriveKeys(key)
export const archive = newArchiveId()
export const pack = newPackId()
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export function page(fill: number): { bytes: Buffer; hash: Buffer } {
  const bytes = Buffer.alloc(512, fill)
  return { bytes, hash: hashOfPage({ keys }, bytes) }
}

export function piece(bytes: Buffer): { bytes: Buffer; hash: Buffer } {
  return { bytes, hash: hashOfPiece({ keys }, bytes) }
}
