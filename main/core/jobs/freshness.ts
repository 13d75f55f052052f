/**
 * Is what a destination shows all there is? A cloud can hide its newest objects or put older ones in their place;
 * what this computer remembers, and what manifests say of each other, tells (docs/FORMAT.md, 16).
 */
import type { Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { type Identity, manifestName } from '../archive/format/names.ts'
import { readForgotten } from '../archive/read/read-layers.ts'
import { readMemory, writeMemory } from './memory.ts'
import type { Session } from './session.ts'

/** What freshness is judged by. `manifests`: those that were opened, oldest first; at least the newest. */
export interface Shown {
  manifests: readonly Manifest[]
  /** Every snapshot listed, opened or not. */
  listed: readonly { seq: number; snapshot: string }[]
}

type Chain = Map<Identity, Identity | null>

/**
 * Compares the newest snapshot with what this computer remembers and with the header.
 * Warnings: older_than_known, header_rolled_back, header_rewritten, fork. Errors: the damage of a forgotten list.
 */
export async function judgeFreshness(session: Session, shown: Shown): Promise<Warning[]> {
  const newest = shown.manifests.at(-1)
  return [...(await judgeMemory(session, shown)), ...(newest ? judgeHeader(session, newest) : []), ...judgeForks(shown)]
}

async function judgeMemory(session: Session, shown: Shown): Promise<Warning[]> {
  const remembered = await judgeKnown(session, shown, readMemory(session.home, session.archive).newest)
  if (remembered.length > 0 || !session.witness) return remembered
  // What the archive's owner told the vault: also a new computer, with nothing but the password, knows that much.
  const { number, identity } = session.witness
  const told = { seq: number, identity: Buffer.from(identity, 'base64url').toString('hex') }
  return await judgeKnown(session, shown, told)
}

/** older_than_known unless the newest snapshot known is there, or was deleted on purpose. */
export async function judgeKnown(
  session: Session,
  { manifests, listed }: Shown,
  known: { seq: number; identity: string } | null,
): Promise<Warning[]> {
  if (!known || manifests.some(({ identity }) => identity === known.identity)) return []
  const newest = manifests.at(-1)
  const found = newest?.seq ?? 0
  // Snapshots of this number that were not opened, or did not open, may be the one: it is there at least.
  if (listed.some(({ seq, snapshot }) => seq === known.seq && !manifests.some((it) => it.snapshot === snapshot)))
    return []
  // 64 hexadecimal digits: an identity, whoever told it.
  if (
    newest &&
    found >= known.seq &&
    (await readForgotten(session, newest.forgotten.layers)).has(known.identity as Identity)
  )
    return []
  return [{ code: 'older_than_known', detail: { known: known.seq, found } }]
}

function judgeHeader({ header }: Session, newest: Manifest): Warning[] {
  const { number, vault } = newest.header
  if (header.number < number) return [{ code: 'header_rolled_back', detail: { number: header.number, known: number } }]
  // A higher number means that the header was changed since this backup, and may well name another vault.
  if (header.number > number || vaultText(vault) === vaultText(header.vault)) return []
  return [{ code: 'header_rewritten', detail: { vault: header.vault?.address ?? null, known: vault?.address ?? null } }]
}

function vaultText(vault: { address: string; fingerprint: Buffer | string; record: Buffer | string } | null): string {
  const hex = (bytes: Buffer | string): string => (typeof bytes === 'string' ? bytes : bytes.toString('hex'))
  return vault ? JSON.stringify([vault.address, hex(vault.fingerprint), hex(vault.record)]) : ''
}

/** Two backups that follow the same one were made by two computers that did not know of each other. */
function judgeForks({ manifests, listed }: Shown): Warning[] {
  const sides = new Set<string>()
  for (const group of Map.groupBy(manifests, ({ predecessor }) => predecessor).values())
    if (group.length > 1) for (const { seq, snapshot } of group) sides.add(`${seq}-${snapshot}`)
  for (const group of Map.groupBy(listed, ({ seq }) => seq).values())
    if (new Set(group.map(({ snapshot }) => snapshot)).size > 1)
      for (const { seq, snapshot } of group) sides.add(`${seq}-${snapshot}`)
  return sides.size > 0 ? [{ code: 'fork', detail: { snapshots: [...sides].join(', ') } }] : []
}

/**
 * Follows each snapshot's chain back and reports where it leads to one that is neither here nor was deleted.
 * `manifests` are all that open, oldest first; `unopened` the numbers of those that do not: whoever came next after
 * such a one is not blamed, since that may be the one it follows. Errors: the damage of a forgotten list.
 */
export async function judgeChain(
  session: Session,
  manifests: readonly Manifest[],
  unopened: readonly number[],
): Promise<Warning[]> {
  const here = new Set<string>(manifests.map(({ identity }) => identity))
  const excused = (seq: number): boolean => {
    const before = manifests.findLast((it) => it.seq < seq)?.seq ?? 0
    return unopened.some((it) => it >= before && it < seq)
  }
  const loose = manifests.filter(
    ({ predecessor, seq }) => predecessor !== null && !here.has(predecessor) && !excused(seq),
  )
  if (loose.length === 0) return []
  const known: Chain = new Map()
  // The newest knows of all that were forgotten on its side; of a fork's other side only that side's own do.
  for (const { forgotten } of new Set([...manifests.slice(-1), ...loose]))
    for (const [identity, predecessor] of await readForgotten(session, forgotten.layers))
      known.set(identity, predecessor)
  return loose.flatMap((manifest) => {
    const missing = firstMissing(manifest.predecessor, known, here)
    return missing
      ? [
          {
            code: 'chain_broken' as const,
            detail: { object: manifestName(manifest), missing },
          },
        ]
      : []
  })
}

function firstMissing(from: Identity | null, forgotten: Chain, here: ReadonlySet<string>): Identity | undefined {
  const seen = new Set<Identity>()
  for (let at: Identity | null = from; at !== null && !here.has(at);) {
    const before: Identity | null | undefined = forgotten.get(at)
    // Hashes cannot go round in a circle, but what was written down can.
    if (before === undefined || seen.has(at)) return at
    seen.add(at)
    at = before
  }
  return undefined
}

/** Remembers the newest snapshot seen. Not being able to is no reason to fail. */
export function rememberNewest(session: Session, manifests: readonly Manifest[]): void {
  const newest = manifests.at(-1)
  if (!newest) return
  const memory = readMemory(session.home, session.archive)
  const newer = !memory.newest || newest.seq > memory.newest.seq
  const headerNumber = Math.max(memory.headerNumber, session.header.number)
  if (!newer && headerNumber === memory.headerNumber) return
  try {
    writeMemory(session.home, session.archive, {
      ...memory,
      headerNumber,
      newest: newer ? { seq: newest.seq, identity: newest.identity } : memory.newest,
    })
  } catch {
    // Read-only or full: freshness is then judged by what was remembered before.
  }
}
