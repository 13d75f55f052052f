/** A note that is no record's: written as its own group, under a head signed as always. */
import type { Keystore } from '../keystore/keystore.ts'
import type { Storage } from '../store/storage.ts'
import { writeInvite } from '../service/invites.ts'
import { beginning, headPreimage } from './chain.ts'

/** Lets the invite serve for `life` ms from now, by the database's clock. */
export async function addInvite(
  { storage, keystore }: { storage: Storage; keystore: Keystore },
  name: string,
  life: number,
): Promise<void> {
  const epoch = (await keystore.epochs()).at(-1) ?? 1
  await storage.group({ rids: [], after: Number.MAX_SAFE_INTEGER, notes: [] }, async ({ head, now }) => {
    const bare = head ?? { ...beginning, epoch }
    const signed = head ?? { ...bare, signature: Buffer.from(await keystore.sign(headPreimage(bare))) }
    const notes = new Map([[name, await writeInvite(keystore, name, now + life)]])
    return { value: undefined, changes: { head: signed, entries: [], rows: [], receipts: [], notes } }
  })
}
