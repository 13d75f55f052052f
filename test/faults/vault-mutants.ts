/** Vaults that break one rule each: what watches the real one must notice every one of them. */
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TicketFacts } from '../../vault/service/finish.ts'
import type { Moment, Outcome, Transition } from '../../vault/service/transition.ts'
import type { TestVault } from '../fixtures/vault/test-vault.ts'
import type { Mutant } from './vault-world.ts'

/** Puts `around` between the vault and everything that happens to its records. */
function everyChange(
  { node }: TestVault,
  around: (rid: Buffer, moment: Moment, transition: Transition<unknown>) => Outcome<unknown>,
): void {
  const { journal } = node.parts
  const submit = journal.submit.bind(journal)
  const changed: typeof submit = (rid, transition, notes) =>
    // It gives what the transition gave.
    submit(rid, (moment) => around(rid, moment, transition) as ReturnType<typeof transition>, notes)
  journal.submit = changed
}

export const mutants: Record<string, () => Mutant> = {
  'a vault that honours tickets from before the last success': () => ({
    opened(vault) {
      const facts = new Map<string, TicketFacts>()
      const { tickets } = vault.node.parts
      const openLogin = tickets.openLogin.bind(tickets)
      tickets.openLogin = async (rid, ticket) => {
        const opened = await openLogin(rid, ticket)
        facts.set(rid.toString('hex'), opened.facts)
        return opened
      }
      everyChange(vault, (rid, moment, transition) => {
        const ticket = facts.get(rid.toString('hex'))
        facts.delete(rid.toString('hex'))
        const { record } = moment
        if (!ticket || !record || ticket.epoch === record.epoch) return transition(moment)
        const attempt = { ...ticket, number: ticket.attempt, closed: false, receipt: 0 }
        return transition({ ...moment, record: { ...record, epoch: ticket.epoch, attempts: [attempt] } })
      })
    },
  }),

  'a vault that gives the guess back with the ticket': () => ({
    opened: (vault) =>
      everyChange(vault, (_rid, moment, transition) => {
        const outcome = transition(moment)
        if (!outcome.next || outcome.receipts?.at(-1)?.kind !== 'given_back') return outcome
        const { record } = outcome.next
        return { ...outcome, next: { ...outcome.next, record: { ...record, budget: record.budget + 1 } } }
      }),
  }),

  'a vault that lets an old change of password bring a record back': () => ({
    opened(vault) {
      const { tickets } = vault.node.parts
      const openRegistration = tickets.openRegistration.bind(tickets)
      tickets.openRegistration = async (rid, ticket) => ({
        ...(await openRegistration(rid, ticket)),
        counter: Number.MAX_SAFE_INTEGER,
      })
    },
  }),

  'a vault whose machine is set back as a whole, anchor and all': () => {
    let copy: string | undefined
    return {
      closed(folder) {
        if (copy === undefined) {
          copy = `${folder}-copy`
          cpSync(folder, copy, { recursive: true })
          return
        }
        for (const name of readdirSync(folder)) rmSync(join(folder, name))
        cpSync(copy, folder, { recursive: true })
        rmSync(copy, { recursive: true })
        copy = undefined
      },
    }
  },
}
