/** How a login fails, with how many tries that leaves. */
import { CofferError } from '../../../contract/errors.ts'
import type { Refusal, Statement } from '../../../contract/vault.ts'
import { chargedDetail } from './exchange.ts'

/** The guess is gone: the vault has answered it. */
export function wrongPassword(vault: string, attemptsLeft: number): CofferError {
  return new CofferError('wrong_password', { vault, attemptsLeft, charged: true, tries: triesLeft(attemptsLeft) })
}

/** `9 tries left before the password stops working for good.` */
function triesLeft(count: number): string {
  if (count === 0) return 'That was the last of the ten tries.'
  return `${count} ${count === 1 ? 'try' : 'tries'} left before the password stops working for good.`
}

/** The last of the ten may still turn out to be right; if not, what the vault holds is destroyed then. */
export function exhausted(vault: string, { retryAfter }: Refusal): CofferError {
  const tries = 'All ten tries are used. Unless the last one turns out right, the password stops working for good.'
  return new CofferError('vault_waits', {
    vault,
    attemptsLeft: 0,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    charged: false,
    tries,
  })
}

export function destroyed(vault: string, { at }: Statement, { charged }: { charged: boolean }): CofferError {
  return new CofferError('destroyed', { vault, attemptsLeft: 0, at: new Date(at).toISOString(), charged })
}

export function overtaken(vault: string): CofferError {
  const reason = 'Another login came in between, or this one took too long.'
  return new CofferError('vault_unavailable', { vault, reason, ...chargedDetail(true) })
}
