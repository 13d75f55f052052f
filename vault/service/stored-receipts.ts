/**
 * A record's receipts as the database has them. Its row is protected by the log; they are not, but the row names the
 * last of them, and each names the one before: whoever can write the database can take evidence away, and cannot make
 * it look as if there had been less.
 */
import { Receipt } from '../../contract/vault.ts'
import type { Storage, StoredReceipt } from '../store/storage.ts'
import { receiptDigest } from './receipts.ts'
import type { VaultRecord } from './record.ts'

/** Those with numbers above `after`, oldest first; undefined when one is missing or not the one that was given out. */
export async function storedReceipts(
  storage: Storage,
  record: VaultRecord,
  after: number,
): Promise<Receipt[] | undefined> {
  const wanted = record.receipts - after
  if (wanted <= 0) return []
  const stored = await storage.receipts(record.rid, after, wanted)
  if (stored.length !== wanted) return undefined
  const receipts = stored.map(readStored).filter((it) => it !== undefined)
  if (receipts.length !== wanted) return undefined
  let digest = record.lastReceipt
  for (const receipt of receipts.toReversed()) {
    if (!receiptDigest(receipt).equals(digest)) return undefined
    digest = Buffer.from(receipt.before, 'base64url')
  }
  return receipts
}

/** The one with that number, for whoever has it in his row. Its signature is looked at by whoever gets it. */
export async function storedReceipt(storage: Storage, rid: Buffer, number: number): Promise<Receipt | undefined> {
  const [stored] = await storage.receipts(rid, number - 1, 1)
  const receipt = stored && readStored(stored)
  return receipt?.number === number && receipt.rid === rid.toString('base64url') ? receipt : undefined
}

/** Undefined for what is none. Who made it is another question. */
export function readStored({ bytes }: StoredReceipt): Receipt | undefined {
  try {
    return Receipt.safeParse(JSON.parse(bytes.toString())).data
  } catch {
    // Not JSON: the parser's words would quote it.
    return undefined
  }
}
