/** What an operator does with a vault besides running it. */
import { headVerifier } from '../log/chain.ts'
import { Journal } from '../log/journal.ts'
import { rebuild } from '../log/rebuild.ts'
import { burn, doomedBy } from '../log/recover.ts'
import { type Damage, survey } from '../log/survey.ts'
import { rotateSealKey } from '../log/rotate.ts'
import { anchoredPosition } from '../node.ts'
import { inviteNote, newInvite } from '../service/invites.ts'
import { addInvite } from '../log/write-note.ts'
import type { SecretSources } from './given.ts'
import { OperatorError } from './operator-error.ts'
import type { Bench } from './bench.ts'
import { openParts, requireAnchor } from './set-up.ts'

type Parts = Awaited<ReturnType<typeof openParts>>

async function withParts<T>(folder: string, sources: SecretSources, use: (parts: Parts) => Promise<T>): Promise<T> {
  const parts = await openParts(folder, sources)
  try {
    return await use(parts)
  } finally {
    await parts.storage.close()
    await parts.keystore.close()
  }
}

export async function status(bench: Bench, folder: string, sources: SecretSources): Promise<void> {
  await withParts(folder, sources, async ({ config, keystore, storage }) => {
    const head = await storage.head()
    const anchor = await anchoredPosition(keystore)
    const damage = await survey({ storage, keystore })
    bench.say(
      [
        `Node           ${config.node} of vault ${config.fingerprint}`,
        `Keystore       ${keystore.kind}: ${keystore.model}; seal keys of epoch ${(await keystore.epochs()).join(', ')}`,
        `Storage        ${storage.engine}`,
        `Log            ${head?.place ?? 0} changes, this node’s anchor at ${anchor?.place ?? 0}`,
        `Records        ${damage.living} that a password can open`,
        ...troubleLines(damage),
      ].join('\n'),
    )
  })
}

/** False when something is not as it should be. */
export async function verifyLog(bench: Bench, folder: string, sources: SecretSources): Promise<boolean> {
  return withParts(folder, sources, async ({ keystore, storage }) => {
    const anchor = await anchoredPosition(keystore)
    const witnesses = anchor ? [{ from: 'this node’s anchor', position: anchor }] : []
    const view = await rebuild({ storage, keystore, verifyHead: headVerifier(keystore.identity) }, witnesses)
    const damage = await survey({ storage, keystore })
    const trouble = troubleLines(damage)
    bench.say(
      trouble.length === 0
        ? `The log is whole up to ${view.position.place}, and every row is as it says.`
        : trouble.join('\n'),
    )
    return trouble.length === 0
  })
}

export async function makeInvite(
  bench: Bench,
  folder: string,
  { address, days }: { address: string; days: string },
  sources: SecretSources,
): Promise<void> {
  const length = Number(days)
  if (!(length > 0 && length <= 3650)) throw new OperatorError(`--days takes a number of days, not “${days}”.`)
  await withParts(folder, sources, async ({ config, keystore, storage }) => {
    const token = newInvite()
    await addInvite({ storage, keystore }, inviteNote(token), length * 86_400_000)
    bench.say(`${address.replace(/\/+$/, '')}#${config.fingerprint}\nInvite: ${token}`)
  })
}

export async function rotate(bench: Bench, folder: string, sources: SecretSources): Promise<void> {
  await withParts(folder, sources, async ({ keystore, storage }) => {
    await requireAnchor(keystore)
    const verifyHead = headVerifier(keystore.identity)
    const anchor = await anchoredPosition(keystore)
    const witnesses = anchor ? [{ from: 'this node’s anchor', position: anchor }] : []
    const view = await rebuild({ storage, keystore, verifyHead }, witnesses)
    const journal = new Journal({ storage, keystore, verifyHead, view, onTrouble: (it) => bench.warn(it.message) })
    const { epoch, resealed, destroyed } = await rotateSealKey({ storage, keystore, journal })
    bench.say(
      `${resealed} records are sealed under key ${epoch} now. ${destroyed.length === 0 ? 'There was no older key.' : `Destroyed: key ${destroyed.join(', ')}.`}`,
    )
  })
}

/** False when it has only said what it would do. */
export async function recover(
  bench: Bench,
  folder: string,
  count: string | undefined,
  sources: SecretSources,
): Promise<boolean> {
  return withParts(folder, sources, async (parts) => {
    const damage = await survey(parts)
    const trouble = troubleLines(damage)
    if (trouble.length === 0) {
      bench.say('There is nothing to recover from.')
      return true
    }
    const doomed = doomedBy(damage)
    if (count !== String(doomed)) {
      bench.say(
        [
          ...trouble,
          `To go on, ${records(doomed)} to be destroyed; only the 64-digit key helps then.`,
          `Stop every node of this vault, make a copy of the database, and run: coffer-vault recover --burn ${doomed}`,
        ].join('\n'),
      )
      return false
    }
    await burn(parts)
    bench.say(`Destroyed ${doomed} ${doomed === 1 ? 'record' : 'records'}. The vault can be started again.`)
    return true
  })
}

function records(count: number): string {
  return count === 1 ? '1 record has' : `${count} records have`
}

function troubleLines({ older, unanchored, lost, refused, missing }: Damage): string[] {
  return [
    ...(unanchored ? ['This node’s anchor is gone: how old the database is cannot be told.'] : []),
    ...(older && lost > 0 ? [`The database is older than this node’s anchor: ${lost} changes are lost.`] : []),
    ...(older && !unanchored && lost === 0
      ? ['The log is not the one that this node’s anchor has seen: changes are lost.']
      : []),
    ...(refused > 0 ? [`${refused} rows are not as the log knows them and are refused.`] : []),
    ...(missing > 0 ? [`${missing} records that the log knows have no row.`] : []),
  ]
}
