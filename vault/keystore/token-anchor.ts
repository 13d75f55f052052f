/**
 * In the token's process: each node's anchor, a private data object labelled `<keyLabel>/anchor/<node>`:
 *
 *     u64 sequence, u64 place, 32 hash, 16 of SHA-256 over these and the label
 *
 * Data objects cannot be altered in place (a token may not even keep the order of two changes): the new one is made
 * first and the old one destroyed then. After a crash in between there are two, and the higher sequence counts. The
 * digest tells an object that was made by half, which software tokens leave when they are killed.
 */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Handle } from 'pkcs11js'
import { KeystoreWrong } from './keystore.ts'
import { otherWriter, type StoredAnchor } from './token-call.ts'
import { findAll } from './token-keys.ts'
import type { Session } from './token-session.ts'

const fieldBytes = 8 + 8 + 32
const valueBytes = fieldBytes + 16

/** The node's anchor. Where there is none, one that says so is made, so that damage is never taken for a new node. */
export function readAnchor(session: Session, node: string): StoredAnchor {
  const label = anchorLabel(session, node)
  const all = findAll(session, template(session, label))
  const read = all.flatMap((handle) => {
    const anchor = decode(valueOf(session, handle), label)
    return anchor ? [{ handle, anchor }] : []
  })
  read.sort((a, b) => b.anchor.sequence - a.anchor.sequence || b.anchor.place - a.anchor.place)
  const [best] = read
  if (!best) {
    if (all.length > 0) throw new KeystoreWrong(`The object labelled “${label}” in the token is damaged.`)
    const anchor = { sequence: 0, place: 0, hash: Buffer.alloc(32) }
    session.anchors.set(node, { handle: make(session, label, anchor), sequence: 0 })
    return anchor
  }
  for (const handle of all) if (handle !== best.handle) session.token.C_DestroyObject(session.handle, handle)
  session.anchors.set(node, { handle: best.handle, sequence: best.anchor.sequence })
  return best.anchor
}

/**
 * Replaces the node's anchor. KeystoreUnavailable if the one there is older than `from` or not older than the
 * new one: then something else writes it. Asked again after a failure, it finishes what was begun.
 */
export function writeAnchor(session: Session, node: string, anchor: StoredAnchor, from: number): void {
  let known = session.anchors.get(node)
  if (known?.sequence !== from) {
    const there = readAnchor(session, node)
    if (isDeepStrictEqual(there, { ...anchor, hash: Buffer.from(anchor.hash) })) return
    if (there.sequence < from || there.sequence >= anchor.sequence) throw otherWriter(node)
    known = session.anchors.get(node)
  }
  const made = make(session, anchorLabel(session, node), anchor)
  if (known) session.token.C_DestroyObject(session.handle, known.handle)
  session.anchors.set(node, { handle: made, sequence: anchor.sequence })
}

function make(session: Session, label: string, anchor: StoredAnchor): Handle {
  const { token, is, handle } = session
  return token.C_CreateObject(handle, [
    ...template(session, label),
    { type: is.CKA_TOKEN, value: true },
    { type: is.CKA_PRIVATE, value: true },
    { type: is.CKA_APPLICATION, value: 'coffer-vault' },
    { type: is.CKA_VALUE, value: encode(anchor, label) },
  ])
}

/** Empty for an object without one: it was made by half. */
function valueOf({ token, is, handle }: Session, object: Handle): Buffer {
  try {
    return token.C_GetAttributeValue(handle, object, [{ type: is.CKA_VALUE }])[0]?.value ?? Buffer.alloc(0)
  } catch (error) {
    if (error instanceof Error && error.message.includes('CKR_ATTRIBUTE_')) return Buffer.alloc(0)
    throw error
  }
}

function encode({ sequence, place, hash }: StoredAnchor, label: string): Buffer {
  const bytes = Buffer.alloc(valueBytes)
  bytes.writeBigUInt64BE(BigInt(sequence), 0)
  bytes.writeBigUInt64BE(BigInt(place), 8)
  bytes.set(hash, 16)
  digest(bytes, label).copy(bytes, fieldBytes)
  return bytes
}

function decode(bytes: Buffer, label: string): StoredAnchor | undefined {
  if (bytes.length !== valueBytes || !digest(bytes, label).equals(bytes.subarray(fieldBytes))) return undefined
  const number = (at: number) => Number(bytes.readBigUInt64BE(at))
  return { sequence: number(0), place: number(8), hash: Buffer.from(bytes.subarray(16, fieldBytes)) }
}

function digest(bytes: Buffer, label: string): Buffer {
  return createHash('sha256').update(bytes.subarray(0, fieldBytes)).update(label).digest().subarray(0, 16)
}

function template({ is }: Session, label: string) {
  return [
    { type: is.CKA_CLASS, value: is.CKO_DATA },
    { type: is.CKA_LABEL, value: label },
  ]
}

function anchorLabel({ place }: Session, node: string): string {
  return `${place.keyLabel}/anchor/${node}`
}
