/** A request that is answered with a refusal: one code, a sentence, and the facts that help. */
import type { Refusal, RefusalCode } from '../../contract/vault.ts'

const sentences: Record<RefusalCode, string> = {
  wrong_password: 'The password is wrong.',
  destroyed: 'This record was destroyed after ten wrong passwords.',
  no_record: 'There is no such record here.',
  rate_limited: 'Too many attempts. Wait before the next one.',
  unavailable: 'The vault cannot answer now. Nothing is lost; try again later.',
  conflict: 'The record or the ticket is no longer as the request takes it to be.',
  not_authorized: 'The request is not signed by the owner of this record, or too long ago.',
  upgrade_required: 'This vault speaks another version of the protocol.',
  bad_request: 'The request is not one that this vault understands.',
  too_large: 'The request is too large.',
  not_found: 'There is nothing here.',
  invite_needed: 'This vault makes records for people with an invite only.',
}

export type RefusalDetail = Omit<Refusal, 'code' | 'message'>

export class Refused extends Error {
  readonly code: RefusalCode
  readonly detail: RefusalDetail
  constructor(code: RefusalCode, detail: RefusalDetail = {}) {
    super(sentences[code])
    this.code = code
    this.detail = detail
  }
}
