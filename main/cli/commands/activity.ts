/** `coffer activity ARCHIVE`: what happened at the vault: who tried passwords, and when. */
import { budget } from '../../../contract/vault-limits.ts'
import type { Receipt } from '../../../contract/vault.ts'
import { type Activity, readActivity } from '../../core/jobs/password/activity.ts'
import { triesIn } from '../../core/vault/tries.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { vaultJson, vaultWords } from '../vault-words.ts'
import { amount, moment, table } from '../words.ts'

export const addActivity: AddCommand = (program, run) => {
  program
    .command('activity')
    .description('Show what happened at the vault: passwords tried, set, changed.')
    .argument('<archive>', 'where the archive is')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText('after', examples('coffer activity /media/disk/messages'))
    .action((where: string, options: KeyOptions) =>
      run(async (desk) => {
        const activity = await withArchive(desk, where, options, (session) => readActivity(session, desk.signal))
        const { vault, statement, warnings } = activity
        const { state, attemptsLeft } = statement
        return {
          json: {
            vault: vaultJson(vault),
            state,
            attemptsLeft,
            events: eventsOf(activity.receipts),
            warnings: jsonWarnings(warnings),
          },
          text: activityText(activity),
          warnings,
        }
      }),
    )
}

/** One thing that happened; `tried` has how it ended. */
export interface VaultEvent {
  at: Date
  what: 'set' | 'changed' | 'tried' | 'destroyed' | 'removed'
  attempt?: number
  of?: number
  outcome?: 'right' | 'wrong'
}

/** Receipts as people understand them: a try and what became of it are one thing. */
export function eventsOf(receipts: readonly Receipt[]): VaultEvent[] {
  const names = { created: 'set', replaced: 'changed', destroyed: 'destroyed', deleted: 'removed' } as const
  return receipts.flatMap((receipt): VaultEvent[] => {
    const { kind, at } = receipt
    if (kind === 'opened' || kind === 'given_back') return []
    if (kind !== 'tried') return [{ at: new Date(at), what: names[kind] }]
    const { attempt, message } = receipt
    // What opened it later may stand anywhere behind.
    const [tried] = triesIn([receipt, ...receipts.filter((it) => it.kind === 'opened' && it.message === message)])
    return tried ? [{ at: tried.at, what: 'tried', attempt, of: budget, outcome: tried.outcome }] : []
  })
}

export function activityText({
  vault,
  statement,
  receipts,
}: Pick<Activity, 'vault' | 'statement' | 'receipts'>): string {
  const events = eventsOf(receipts)
  const rows = events.map(({ at, what, attempt, outcome }) => [
    moment(at),
    what === 'tried' ? `try ${attempt ?? 0} of ${budget}: ${outcome} password` : words[what],
  ])
  const wrong = events.filter(({ outcome }) => outcome === 'wrong')
  const last = wrong.at(-1)
  return [
    `${vaultWords(vault)}: ${standing(statement)}`,
    ...(rows.length > 0 ? ['', table(rows, { indent: '  ' })] : []),
    ...(last
      ? [
          '',
          `${amount(wrong.length, 'wrong password')} ${wrong.length === 1 ? 'was' : 'were'} tried, the last on ${moment(last.at)}. If that was not you, change your password.`,
        ]
      : []),
  ].join('\n')
}

const words = {
  set: 'password set',
  changed: 'password changed',
  destroyed: 'ten wrong passwords: the password stopped working for good',
  removed: 'password removed',
} as const

function standing({ state, attemptsLeft }: Activity['statement']): string {
  switch (state) {
    case 'active':
      return `the password works; ${attemptsLeft === 1 ? '1 try is' : `${attemptsLeft} tries are`} left.`
    case 'exhausted':
      return 'all ten tries are used; the password stops working for good in a moment.'
    case 'destroyed':
      return 'the password has stopped working for good.'
    case 'deleted':
    case 'none':
      return 'it holds nothing for this archive.'
  }
}
