/** What a vault has told of an archive's record: compared with what is known, put into warnings, and remembered. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Receipt, Statement } from '../../../../contract/vault.ts'
import type { ArchiveId } from '../../archive/format/names.ts'
import { triesIn } from '../../vault/tries.ts'
import { judgeStatement, type KnownVault, memoryOf, readVaultMemory, withTold, writeVaultMemory } from './memory.ts'

export interface Told {
  statement: Statement
  /** The latest, oldest first; checked. */
  receipts: readonly Receipt[]
}

/** Of which archive, on which computer. */
export interface Whose {
  home: string
  archive: ArchiveId
  vault: KnownVault
  /** The header that names the vault. */
  headerNumber: number
}

/**
 * Compares what was told with what this computer knows, and remembers it; `tries`: whether wrong passwords are news
 * here. Warnings: vault_rolled_back, passwords_tried, local_full, home_failed.
 */
export function takeIn(
  { home, archive, vault, headerNumber }: Whose,
  told: Told,
  { tries }: { tries: boolean },
): Warning[] {
  const all = readVaultMemory(home, archive)
  const memory = memoryOf(all, vault)
  const warnings = judgeStatement(memory, vault, told.statement)
  if (tries) warnings.push(...newTries(told.receipts, memory.receipts.at(-1)?.number ?? 0, memory.own))
  try {
    const number = Math.max(headerNumber, memory.headerNumber)
    writeVaultMemory(home, archive, { ...withTold(memory, told), vault, headerNumber: number })
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    warnings.push({ code: error.code, detail: error.detail })
  }
  return warnings
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
