/** What a vault has told of an archive's record: compared with what is known, put into warnings, and remembered. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Receipt } from '../../../../contract/vault.ts'
import type { ArchiveId } from '../../archive/format/names.ts'
import { triesIn } from '../../vault/tries.ts'
import {
  judgeTold,
  type KnownVault,
  memoryOf,
  readVaultMemory,
  type Told,
  withTold,
  writeVaultMemory,
} from './memory.ts'

/** Of which archive, on which computer. */
export interface Whose {
  home: string
  archive: ArchiveId
  vault: KnownVault
  /** The header that names the vault. */
  headerNumber: number
}

/**
 * Compares what was told with what this computer knows, and remembers it. Warnings: vault_rolled_back, passwords_tried,
 * local_full, home_failed.
 */
export function takeIn(whose: Whose, told: Told): Warning[] {
  return [...judge(whose, told), ...keep(whose, told)]
}

/** Compares what was told with what this computer knows. Warnings: vault_rolled_back, passwords_tried. */
export function judge({ home, archive, vault }: Omit<Whose, 'headerNumber'>, told: Told): Warning[] {
  const memory = memoryOf(readVaultMemory(home, archive), vault)
  // A computer that hears of this record for the first time cannot tell what is news.
  const tries = memory.vault ? newTries(told.receipts ?? [], memory.receipts.at(-1)?.number ?? 0, memory.own) : []
  return [...judgeTold(memory, vault, told), ...tries]
}

/** Remembers what was told and has been compared, or follows from what has been. Warnings: local_full, home_failed. */
export function keep({ home, archive, vault, headerNumber }: Whose, told: Told): Warning[] {
  const memory = memoryOf(readVaultMemory(home, archive), vault)
  try {
    const number = Math.max(headerNumber, memory.headerNumber)
    writeVaultMemory(home, archive, { ...withTold(memory, told), vault, headerNumber: number })
    return []
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    return [{ code: error.code, detail: error.detail }]
  }
}

/** passwords_tried for those that are news: wrong, later than the receipt known last, and not from this computer. */
function newTries(receipts: readonly Receipt[], after: number, own: readonly string[]): Warning[] {
  const others = receipts.filter(({ message }) => !own.includes(message))
  const wrong = triesIn(others, after).filter(({ outcome }) => outcome === 'wrong')
  const [first, last] = [wrong[0], wrong.at(-1)]
  if (!first || !last) return []
  const detail = { count: wrong.length, first: first.at.toISOString(), last: last.at.toISOString() }
  return [{ code: 'passwords_tried', detail }]
}

/** Remembers that a try was this computer's own, so that it is not reported as a stranger's. */
export function rememberOwnTry(home: string, archive: ArchiveId, message: string): void {
  const memory = readVaultMemory(home, archive)
  try {
    writeVaultMemory(home, archive, { ...memory, own: [...memory.own, message].slice(-100) })
  } catch {
    // It will be reported as somebody's, with its time: no harm but a moment's thought.
  }
}
