/**
 * What a vault tells about a record, checked: nothing of it is believed unless the vault's identity signed it for this
 * record and in answer to this question (docs/VAULT.md, "Evidence for the owner").
 */
import { CofferError } from '../../../contract/errors.ts'
import { budget } from '../../../contract/vault-limits.ts'
import type { Receipt, RecordId, Statement } from '../../../contract/vault.ts'
import { receipt as receiptPreimage, statement as statementPreimage } from '../../../contract/vault-preimages.ts'
import { hash, type VaultIdentity } from './identity.ts'

/** Of whom something is said, and who has to have signed it. */
export interface About {
  identity: VaultIdentity
  rid: RecordId
  /** The vault's host, for errors. */
  host: string
}

/** The statement, if it is the vault's, of this record, and in answer to `asked`. Errors: vault_failed. */
export function checkStatement({ identity, rid, host }: About, statement: Statement, asked: Uint8Array): Statement {
  const { signature, ...said } = statement
  if (!identity.signed(statementPreimage(said), signature))
    throw untrue(host, 'What it says of the record is not signed by it.')
  if (said.rid !== rid) throw untrue(host, 'It speaks of another record.')
  if (said.asked !== text(asked)) throw untrue(host, 'It gives an answer to another question, perhaps an old one.')
  return statement
}

/**
 * The receipt of a guess, if it is the vault's, of this record, and of the guess with this first message.
 * Errors: vault_failed.
 */
export function checkTried(about: About, receipt: Receipt, message: Uint8Array): Receipt {
  checkReceipt(about, receipt)
  const { host } = about
  if (receipt.kind !== 'tried' || receipt.message !== text(message))
    throw untrue(host, 'Its receipt is of another attempt.')
  if (receipt.attempt < 1 || receipt.attempt + receipt.attemptsLeft !== budget)
    throw untrue(host, 'It cannot count the tries.')
  return receipt
}

/**
 * Receipts in a row, oldest first: each the vault's, of this record, and naming the one before. Errors: vault_failed.
 */
export function checkReceipts(about: About, receipts: readonly Receipt[]): void {
  const { host } = about
  let before: Receipt | undefined
  for (const receipt of receipts) {
    checkReceipt(about, receipt)
    if (before && (receipt.number !== before.number + 1 || receipt.before !== text(receiptDigest(before))))
      throw untrue(host, 'Its receipts do not follow one another: some are missing or changed.')
    if (before && (receipt.counter < before.counter || receipt.generation < before.generation))
      throw untrue(host, 'Its receipts count backwards.')
    before = receipt
  }
  const [first] = receipts
  if (first?.number === 1 && first.before !== text(new Uint8Array(32)))
    throw untrue(host, 'Its receipts do not begin at the beginning.')
}

/** Digest of a receipt: what the next one names. */
export function receiptDigest({ signature: _, ...receipt }: Receipt): Buffer {
  return hash(receiptPreimage(receipt))
}

/**
 * Whether receipts go on from those seen before, both oldest first and checked: the last one seen must be among them
 * as it was, unless so many have come since that it is no longer among the latest.
 */
export function goesOn(receipts: readonly Receipt[], seen: readonly Receipt[]): boolean {
  const last = seen.at(-1)
  if (!last) return true
  const now = receipts.find(({ number }) => number === last.number)
  if (now) return receiptDigest(now).equals(receiptDigest(last))
  return (receipts[0]?.number ?? 0) > last.number
}

export function untrue(host: string, reason: string): CofferError {
  return new CofferError('vault_failed', { vault: host, reason })
}

function checkReceipt({ identity, rid, host }: About, receipt: Receipt): void {
  const { signature, ...said } = receipt
  if (!identity.signed(receiptPreimage(said), signature)) throw untrue(host, 'A receipt is not signed by it.')
  if (said.rid !== rid) throw untrue(host, 'A receipt is of another record.')
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
