/** A guess is charged before it is answered: the only way to an evaluation. */
import { budget as fullBudget, ticketLife } from '../../contract/vault-limits.ts'
import { addReceipt, type Draft } from './receipts.ts'
import { type Attempt, isLiving, type Secrets } from './record.ts'
import { changed, type Moment, type Outcome, secretsOf, settled } from './transition.ts'

/** What the guess may be answered with, once the charge is durable. */
export interface Admitted {
  attempt: Attempt
  generation: number
  epoch: number
  secrets: Secrets
}

export type ChargeResult =
  | ({ outcome: 'charged'; receipt: Draft } & Admitted)
  /** The same first message again: answered, not charged. */
  | ({ outcome: 'repeated' } & Admitted)
  | { outcome: 'no_record' | 'destroyed' | 'conflict' }
  | { outcome: 'wait' | 'exhausted'; retryAfter: number }

/** Waits after the 5th, 6th … failure, ms: 1 minute, 10 minutes, 1, 6 and 24 hours. */
export const usualWaits = [60_000, 600_000, 3_600_000, 21_600_000, 86_400_000] as const
const failuresBeforeWaits = 5

/** `message`: digest of the first message. */
export function charge(moment: Moment, it: { message: Buffer; waits: readonly number[] }): Outcome<ChargeResult> {
  return settled(moment, (moment) => chargeSettled(moment, it))
}

function chargeSettled(
  moment: Moment,
  { message, waits }: { message: Buffer; waits: readonly number[] },
): Outcome<ChargeResult> {
  const { record, now } = moment
  if (!record || record.state === 'deleted') return { value: { outcome: 'no_record' } }
  if (!isLiving(record)) return { value: { outcome: 'destroyed' } }
  const secrets = secretsOf(moment)
  const { generation, epoch } = record
  // Attempts are emptied when the epoch moves, so all of these are of this epoch. Repeating is free because the same
  // blinded password gives the same evaluation: nobody learns anything they had not paid for.
  const before = record.attempts.find((it) => it.message.equals(message) && now < it.expiresAt)
  if (before?.closed) return { value: { outcome: 'conflict' } }
  if (before) return { value: { outcome: 'repeated', attempt: before, generation, epoch, secrets } }
  if (record.state === 'exhausted') return { value: { outcome: 'exhausted', retryAfter: record.at - now } }
  const failures = fullBudget - record.budget
  // Where an operator gave fewer, the last one stays: a shorter list is not meant to end the waiting.
  const wait = failures < failuresBeforeWaits ? 0 : (waits[failures - failuresBeforeWaits] ?? waits.at(-1) ?? 0)
  const until = record.lastTriedAt + wait
  if (now < until) return { value: { outcome: 'wait', retryAfter: until - now } }

  const attempt = {
    message,
    number: failures + 1,
    expiresAt: now + ticketLife,
    closed: false,
    receipt: record.receipts + 1,
  }
  const attempts = [...record.attempts.filter(({ expiresAt }) => now < expiresAt), attempt]
  const budget = record.budget - 1
  const charged = changed(record, {
    budget,
    attempts,
    lastTriedAt: now,
    // The last guess's own ticket is among them, and expires last.
    ...(budget === 0 ? { state: 'exhausted', at: attempt.expiresAt } : {}),
  })
  const { record: next, receipt } = addReceipt(charged, { kind: 'tried', at: now, attempt: attempt.number, message })
  return {
    value: { outcome: 'charged', attempt, generation, epoch, secrets, receipt },
    next: { record: next, secrets },
    receipts: [receipt],
  }
}
