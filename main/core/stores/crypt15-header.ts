/**
 * The head of WhatsApp's `*.crypt15` files:
 * `[1 byte: length of the protobuf][0x01, in message stores only][protobuf][ciphertext …]`.
 */
import { CofferError } from '../../../contract/errors.ts'
import { lastBytes, MalformedProtobuf } from './protobuf.ts'

/** No head is longer: one byte counts the protobuf. */
export const maxHead = 2 + 255

export interface Crypt15Head {
  /** AES-GCM's initialisation vector; undefined if this is the older kind, crypt14, of which only the phone has the key. */
  iv: Buffer | undefined
  /** Where the ciphertext begins. Bytes. */
  dataStart: number
  /** Only files of message stores carry the mark, and all of these end with an MD5 of everything before it. */
  marked: boolean
}

/** Field numbers of the protobuf. */
const crypt14 = 2
const crypt15 = 3
const crypt15Iv = 1

/** What a protobuf cannot begin with (it would be field 0), so the mark is never mistaken for one. */
const mark = 0x01

/**
 * Reads the head from the file's first bytes (`maxHead` of them, or all there are). Gives crypt15_damaged for anything
 * that is not such a head.
 */
export function readCrypt15Head(start: Uint8Array): Crypt15Head {
  const length = start[0] ?? 0
  const marked = start[1] === mark
  const dataStart = (marked ? 2 : 1) + length
  if (length === 0 || start.length < dataStart) throw damaged('the head is cut off')
  try {
    const prefix = start.subarray(dataStart - length, dataStart)
    const cipher = lastBytes(prefix, crypt15)
    if (!cipher && lastBytes(prefix, crypt14)) return { iv: undefined, dataStart, marked }
    const iv = cipher && lastBytes(cipher, crypt15Iv)
    // 16 in every file seen; GCM's own usual length is 12.
    if (!iv || iv.length < 12 || iv.length > 32) throw damaged('the head has no initialisation vector')
    return { iv: Buffer.from(iv), dataStart, marked }
  } catch (error) {
    throw error instanceof MalformedProtobuf ? damaged(`the head is not one of WhatsApp’s: ${error.message}`) : error
  }
}

export function damaged(reason: string): CofferError {
  return new CofferError('crypt15_damaged', { reason })
}
