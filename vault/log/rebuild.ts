/** What a node does before it serves: learn the log, and make sure that it is not older than what it should be. */
import type { Keystore } from '../keystore/keystore.ts'
import type { Storage } from '../store/storage.ts'
import { readCheckpoint } from './checkpoint.ts'
import { follow, LogBroken, type Position, type VerifyHead } from './chain.ts'
import type { View } from './reading.ts'

/** Entries read at once: few, since starting should not take more memory than running. */
const atOnce = 2000

/** A position that this node's keystore or another node has seen; the log must lead through it. */
export interface Witness {
  /** Who says so, for the operator: “this node’s anchor”, “https://b.example”. */
  from: string
  position: Position
}

/**
 * Reads checkpoint and log up to the signed head. LogBroken when they do not lead to it, or do not lead through what
 * the witnesses have seen: the database is older than they are, or another one.
 */
export async function rebuild(
  { storage, keystore, verifyHead }: { storage: Storage; keystore: Keystore; verifyHead: VerifyHead },
  witnesses: readonly Witness[],
): Promise<View> {
  // In this order: another node may write both meanwhile, and a head that is older than the checkpoint fits nothing.
  const checkpoint = await readCheckpoint(storage, keystore.identity)
  const head = await storage.head()
  const { known } = checkpoint
  let { position } = checkpoint
  const judge = (): void => {
    for (const witness of witnesses) if (witness.position.place === position.place) compare(witness, position)
  }
  judge()
  if (!head && position.place > 0) throw new LogBroken('the log has no head')
  while (head && position.place < head.place) {
    const entries = await storage.log(position.place, Math.min(atOnce, head.place - position.place))
    if (entries.length === 0) throw new LogBroken('the log has a gap')
    for (const entry of entries) {
      position = follow(position, entry)
      known.set(entry)
      judge()
    }
  }
  if (head && (position.place !== head.place || !position.hash.equals(head.hash)))
    throw new LogBroken(`the log does not lead to its head at ${head.place}`)
  if (head && !verifyHead(head)) throw new LogBroken('the head of the log is not signed by this vault')
  for (const witness of witnesses)
    if (witness.position.place > position.place)
      throw new LogBroken(
        `the database ends at ${position.place}, ${witness.from} has seen ${witness.position.place}: it is older`,
      )
  const epoch = head?.epoch ?? (await keystore.epochs()).at(-1)
  if (epoch === undefined) throw new LogBroken('the keystore has no seal key')
  return { position, epoch, known }
}

function compare({ from, position }: Witness, found: Position): void {
  if (!position.hash.equals(found.hash))
    throw new LogBroken(`at ${found.place} the log is not what ${from} has seen: it is another one`)
}
