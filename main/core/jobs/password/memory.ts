/**
 * What this computer remembers of the vault of an archive: which one it is, how far its record and log had come, and
 * its receipts. With it a vault that goes back to an older state, or keeps quiet about tries, is noticed.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Warning } from '../../../../contract/errors.ts'
import { maxReceipts } from '../../../../contract/vault-limits.ts'
import { Receipt, type Statement } from '../../../../contract/vault.ts'
import type { VaultReference } from '../../archive/format/header.ts'
import type { ArchiveId } from '../../archive/format/names.ts'
import { localFailure } from '../../archive/local/cache.ts'
import { goesOn } from '../../vault/evidence.ts'
import { archiveFolder } from '../memory.ts'

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.number().int().nonnegative()

/** A vault reference as text, as manifests have it too. */
export const KnownVault = z.object({ address: z.string().max(2048), fingerprint: hex, record: hex })
export type KnownVault = z.infer<typeof KnownVault>

const VaultMemory = z.object({
  vault: KnownVault.nullable(),
  /** The number of the header that named it. */
  headerNumber: count,
  /** The furthest its record and log have been seen. */
  seen: z.object({ counter: count, logPlace: count, logHead: hex }).nullable(),
  /** The latest, oldest first. */
  receipts: z.array(Receipt).max(maxReceipts),
  /** Digests of the first messages of this computer's own tries. */
  own: z.array(z.string().max(64)).max(1000),
})
export type VaultMemory = z.infer<typeof VaultMemory>

const nothing: VaultMemory = { vault: null, headerNumber: 0, seen: null, receipts: [], own: [] }

/** What is remembered; what cannot be read is not, which is no worse than a new computer. */
export function readVaultMemory(home: string, archive: ArchiveId): VaultMemory {
  try {
    return VaultMemory.parse(JSON.parse(readFileSync(fileOf(home, archive), 'utf8')))
  } catch {
    return nothing
  }
}

/** Keeps it, whole or not at all. Errors: local_full, home_failed. */
export function writeVaultMemory(home: string, archive: ArchiveId, memory: VaultMemory): void {
  const file = fileOf(home, archive)
  const part = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(part, `${JSON.stringify(VaultMemory.parse(memory))}\n`, { mode: 0o600, flush: true })
    renameSync(part, file)
  } catch (error) {
    rmSync(part, { force: true })
    throw localFailure(error)
  }
}

/** Whose receipts and counters are remembered; those of another vault or record say nothing of this one. */
export function memoryOf(memory: VaultMemory, vault: KnownVault): VaultMemory {
  return memory.vault && sameRecord(memory.vault, vault) ? memory : { ...nothing, own: memory.own }
}

/** What a vault tells, checked. */
export interface Told {
  statement: Statement
  /** The latest, oldest first. Undefined where they were not asked for. */
  receipts?: readonly Receipt[] | undefined
}

/** vault_rolled_back, if what the vault tells now lies before what it told, or is not what it told. */
export function judgeTold({ seen, receipts: before }: VaultMemory, vault: KnownVault, told: Told): Warning[] {
  const back = (what: string, known: number, found: number): Warning[] => [
    { code: 'vault_rolled_back', detail: { vault: vault.address, what, known, found } },
  ]
  const { counter, logPlace, logHead } = told.statement
  if (seen && counter < seen.counter) return back('counter', seen.counter, counter)
  if (seen && logPlace < seen.logPlace) return back('log', seen.logPlace, logPlace)
  if (seen && logPlace === seen.logPlace && headHex(logHead) !== seen.logHead)
    return back('log rewritten', seen.logPlace, logPlace)
  if (told.receipts && !goesOn(told.receipts, before))
    return back('receipts', before.at(-1)?.number ?? 0, told.receipts.at(-1)?.number ?? 0)
  return []
}

/** The memory with what the vault has told now. It only ever goes forward: an older state is never taken for known. */
export function withTold(memory: VaultMemory, { statement, receipts }: Told): VaultMemory {
  const { counter, logPlace, logHead } = statement
  const { seen } = memory
  const newer = !seen || (counter >= seen.counter && logPlace >= seen.logPlace)
  return {
    ...memory,
    seen: newer ? { counter, logPlace, logHead: headHex(logHead) } : seen,
    receipts: receipts && goesOn(receipts, memory.receipts) ? [...receipts] : memory.receipts,
  }
}

/** The same record at the same vault, wherever that is reached. */
export function sameRecord(a: KnownVault, b: KnownVault): boolean {
  return a.fingerprint === b.fingerprint && a.record === b.record
}

/** A header's reference as text. */
export function knownVault({ address, fingerprint, record }: VaultReference): KnownVault {
  return { address, fingerprint: fingerprint.toString('hex'), record: record.toString('hex') }
}

export function headHex(logHead: string): string {
  return Buffer.from(logHead, 'base64url').toString('hex')
}

function fileOf(home: string, archive: ArchiveId): string {
  return join(archiveFolder(home, archive), 'vault.json')
}
