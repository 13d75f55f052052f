/** Refusals that need no proof: they say what to do next, and nothing bad about the record is believed for them. */
import { CofferError } from '../../../contract/errors.ts'
import type { Refusal } from '../../../contract/vault.ts'
import { chargedDetail } from './exchange.ts'

/**
 * The error for a refusal whose own news is not to be believed: unsigned bad news is an answer that is no answer.
 * `clockAhead` is by how many ms this computer's clock is ahead of the vault's, as far as that is known.
 */
export function refused(vault: string, refusal: Refusal, clockAhead = 0): CofferError {
  const charged = refusal.charged === undefined ? {} : chargedDetail(refusal.charged)
  switch (refusal.code) {
    case 'rate_limited':
      return new CofferError('vault_waits', { vault, ...waiting(refusal.retryAfter), ...charged })
    case 'unavailable':
      return new CofferError('vault_unavailable', { vault, ...charged })
    case 'upgrade_required':
      return new CofferError('vault_upgrade', { vault })
    case 'invite_needed':
      return new CofferError('invite_needed', { vault })
    case 'not_authorized':
      return new CofferError('vault_refused', { vault, ...clock(clockAhead) })
    case 'conflict':
      return new CofferError('record_changed', { vault })
    case 'wrong_password':
    case 'destroyed':
    case 'no_record':
      return new CofferError('vault_failed', { vault, reason: `It says “${refusal.code}” and does not sign it.` })
    case 'bad_request':
    case 'too_large':
    case 'not_found':
      return new CofferError('vault_failed', {
        vault,
        reason: `It does not understand the question (${refusal.code}).`,
      })
  }
}

function waiting(retryAfter: number | undefined): { retryAfter?: number; wait?: string } {
  return retryAfter === undefined ? {} : { retryAfter, wait: `The next try is possible in ${inWords(retryAfter)}.` }
}

/** Rounded up, so that nobody comes too early. */
function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const [count, unit] =
    seconds < 120
      ? [seconds, 'second']
      : seconds < 7200
        ? [Math.ceil(seconds / 60), 'minute']
        : [Math.ceil(seconds / 3600), 'hour']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function clock(ahead: number): { reason?: string } {
  const minutes = Math.round(Math.abs(ahead) / 60_000)
  if (minutes < 2) return {}
  return { reason: `This computer’s clock is ${minutes} minutes ${ahead > 0 ? 'ahead of' : 'behind'} the vault’s.` }
}
