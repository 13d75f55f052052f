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
import type { Handle } from 'pkcs11js'
import { isCovered } from './anchors.ts'
import { type Anchor, KeystoreWrong } from './keystore.ts'
import { type KnownAnchors, olderAnchor, type StoredAnchor } from './token-call.ts'
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
  read.sort((a, b) => isNewer(b.anchor, a.anchor))
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
 * Replaces the node's anchor and gives the sequence of the new one; undefined where another process has written one
 * that is further along. Asked again after a failure, it finishes what was begun. KeystoreUnavailable if the one there
 * is older than one that was seen.
 */
export function writeAnchor(
  session: Session,
  node: string,
  { place, hash }: Anchor,
  { own, seen }: KnownAnchors,
): number | undefined {
  let known = session.anchors.get(node)
  // As long as nobody else writes, nothing has to be looked for. If somebody did, destroying the old one fails, and
  // this is asked again in a new session that knows nothing.
  if (known?.sequence !== own) {
    const there = readAnchor(session, node)
    if (there.sequence < seen) throw olderAnchor(node)
    if (there.sequence > own && isCovered({ place, hash }, there))
      return there.place === place ? there.sequence : undefined
    known = session.anchors.get(node)
  }
  const sequence = (known?.sequence ?? own) + 1
  const made = make(session, anchorLabel(session, node), { sequence, place, hash })
  if (known) session.token.C_DestroyObject(session.handle, known.handle)
  session.anchors.set(node, { handle: made, sequence })
  return sequence
}

/** Two processes may have used the same number at the same moment: then the one that is further along counts. */
function isNewer(a: StoredAnchor, b: StoredAnchor): number {
  return a.sequence - b.sequence || a.place - b.place || Buffer.compare(a.hash, b.hash)
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
