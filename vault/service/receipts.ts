/** Receipts: what happened to a record, each naming the one before (docs/VAULT.md, "Evidence"). */
import type { Receipt } from '../../contract/vault.ts'
import { RecordId } from '../../contract/vault.ts'
import { receipt as receiptPreimage } from '../../contract/vault-preimages.ts'
import { hash } from './hash.ts'
import type { VaultRecord } from './record.ts'

/** A receipt before it is signed. */
export type Draft = Omit<Receipt, 'signature'>

/** The record with one more receipt on its chain, and that receipt. Call last: it speaks of the record as it is. */
export function addReceipt(
  record: VaultRecord,
  it: { kind: Receipt['kind']; at: number; attempt?: number; message?: Uint8Array },
): { record: VaultRecord; receipt: Draft } {
  const receipt: Draft = {
    rid: RecordId.parse(record.rid.toString('base64url')),
    number: record.receipts + 1,
    kind: it.kind,
    generation: record.generation,
    attempt: it.attempt ?? 0,
    attemptsLeft: record.budget,
    counter: record.counter,
    at: it.at,
    message: Buffer.from(it.message ?? new Uint8Array(32)).toString('base64url'),
    stretching: record.stretching,
    before: record.lastReceipt.toString('base64url'),
  }
  return { record: { ...record, receipts: receipt.number, lastReceipt: receiptDigest(receipt) }, receipt }
}

export function receiptDigest(receipt: Draft): Buffer {
  return hash(receiptPreimage(receipt))
}
