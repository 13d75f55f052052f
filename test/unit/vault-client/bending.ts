/** What tests bend answers with: the right answer with other facts in it, signed as a test wants it. */
import type { Receipt, Statement } from '../../../contract/vault.ts'
import type { Bend } from './hostile-vault.ts'
import type { VaultModel } from './vault-model.ts'

/** The right answer, changed. */
export const altered =
  <T>(change: (it: T) => Partial<T>): Bend =>
  ({ told }) => {
    // The model made it, and so it has this form.
    const right = told.json as T
    return { ...told, json: { ...right, ...change(right) } }
  }

export const refusal =
  (status: number, json: Record<string, unknown>): Bend =>
  () => ({ status, json: { message: 'No.', ...json } })

/** A receipt of a vault's own hand, with other facts in it. */
export function resigned(model: VaultModel, receipt: Receipt, change: Partial<Receipt>): Receipt {
  const { signature: _, ...said } = receipt
  return model.receipt({ ...said, ...change })
}

/** What a statement is an answer to. */
export function askedFor(statement: Statement): Buffer {
  return Buffer.from(statement.asked, 'base64url')
}
