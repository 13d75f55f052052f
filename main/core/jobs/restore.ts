/** A restore: a backup, or a part of it, comes back into a folder. */
import { rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { CofferError, type Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { localFailure } from '../archive/read/local-failure.ts'
import { keepDamaged } from './restore/keep-damaged.ts'
import { below } from './restore/local-path.ts'
import type { Missing } from './restore/missing.ts'
import { placeAll, syncFolder } from './restore/place.ts'
import { DatabaseRestore } from './restore/restore-databases.ts'
import { RestoreRun } from './restore/run.ts'
import type { NameRules } from './restore/safe-name.ts'
import { selection } from './restore/selection.ts'
import { openStaging, type Staging } from './restore/staging.ts'
import { planNames, type Survey, surveyFiles } from './restore/survey-files.ts'
import { type DamagedFile, writeFiles } from './restore/write-files.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import type { Session } from './session.ts'
import { findSnapshot } from './snapshots.ts'
import { steadily } from './steadily.ts'
import { together } from './together.ts'

export interface RestoreOptions {
  /** The folder to restore to, absolute; made if need be. */
  target: string
  /** Id of a snapshot or its beginning; the newest if undefined. */
  snapshot?: string | undefined
  /** Globs on the archive's paths (restore/selection.ts); everything if none. */
  only?: readonly string[]
  /** Work round damage: restore all that is intact and list what is not. */
  salvage: boolean
  /** Replace files of the same name. */
  overwrite: boolean
  /** Whether SQLite checks the restored databases too (yes unless told otherwise); every page is verified in any case. */
  quickCheck?: boolean | undefined
  signal: AbortSignal
  onProgress: OnProgress
  /** Finds out what names the target can hold; replaced in tests only. */
  probe?: (folder: string) => NameRules
}

export interface RestoreResult {
  snapshot: string
  /** Databases and files that came back; damaged ones are not counted. */
  files: number
  /** Bytes written. */
  bytes: number
  /** 'ok' if every restored database passes SQLite's quick_check, else its first complaint; 'not checked' if unwanted. */
  integrity: string
  /** What could not be brought back; empty unless salvaging. */
  missing: Missing[]
  warnings: Warning[]
}

/**
 * Restores into a private folder in the target and moves it into place when all of it is there, verified and on the
 * disk: whatever happens before, the target is left as it was. Errors: no_such_snapshot, no_snapshots,
 * nothing_matches, target_occupied, target_failed, local_full, cancelled, destination_*, and, unless salvaging, the
 * archive's damage.
 */
export function restore(session: Session, options: RestoreOptions): Promise<RestoreResult> {
  return steadily(session, { read: (isSame) => restoreOnce(session, options, isSame) })
}

async function restoreOnce(
  session: Session,
  options: RestoreOptions,
  isSame: () => Promise<boolean>,
): Promise<RestoreResult> {
  const { manifest, warnings } = await findSnapshot(session, { wanted: options.snapshot, salvage: options.salvage })
  throwIfCancelled(options.signal)
  const staging = openStaging(options.target, options.probe)
  let done = false
  try {
    const { result, place, faults } = await restoreThrough(session, staging, manifest, options)
    // What a salvage worked round may have been moved by another Coffer, not lost.
    const [fault] = faults
    if (fault && !(await isSame())) throw new CofferError(fault.code, fault.detail)
    // Last, so that as little as possible can happen between the first name and the end.
    await place()
    done = true
    return { ...result, warnings: [...warnings, ...result.warnings] }
  } finally {
    staging.remove({ undo: !done })
  }
}

async function restoreThrough(
  session: Session,
  staging: Staging,
  manifest: Manifest,
  options: RestoreOptions,
): Promise<{ result: RestoreResult; place: () => Promise<void>; faults: Warning[] }> {
  const { salvage, overwrite, signal, onProgress } = options
  const wanted = selection(options.only ?? [])
  const { target, rules } = staging
  const run = new RestoreRun(session, { salvage, signal, onProgress })
  const databases = new DatabaseRestore(run, staging, { quickCheck: options.quickCheck ?? true })
  try {
    const look = async () => {
      const survey = await surveyFiles(session, {
        manifest,
        wanted,
        overwrite,
        target,
        rules,
        onFault: salvage ? run.fault : undefined,
      })
      run.total = survey.bytes
      return survey
    }
    // What all of a backup needs its manifest tells, so the look through its files can go on beside its databases.
    const first = (options.only ?? []).length > 0 ? await look() : undefined
    const needed = first ?? wholeSize(manifest)
    run.total = needed.bytes
    await requireSpace(target, needed)

    const damaged: DamagedFile[] = []
    const restoreFiles = async () => {
      const survey = first ?? (await look())
      const { names } = planNames(manifest, wanted, rules, [])
      const { layers } = manifest.files
      const onDamaged = (file: DamagedFile) => void damaged.push(file)
      return { survey, ...(await writeFiles(run, { layers, wanted, names, root: staging.files, onDamaged })) }
    }
    const restoreDatabases = () => databases.restore(planNames(manifest, wanted, rules, []).databases)
    const [, { survey, files, folders }] = await together([restoreDatabases, restoreFiles], () => run.stop())
    const missing = [...databases.missing, ...damaged.map((file) => settleDamaged(staging, file))]
    if (survey.nameless > 0) missing.push({ path: '…', files: survey.nameless })

    for (const folder of folders) await syncFolder(folder)
    await databases.allOnDisk()
    run.checking(survey.databases[0]?.entry.path ?? '')
    const integrity = await run.unlessCancelled(databases.integrity())
    const faults = [...run.faults.values()]
    const warnings = [...survey.warnings, ...databases.warnings, ...faults]
    if (missing.length > 0) warnings.push({ code: 'salvaged', detail: { missing: missing.length } })
    const { written } = databases
    return {
      result: {
        snapshot: manifest.snapshot,
        files: written.length + files,
        bytes: run.written,
        integrity,
        missing,
        warnings,
      },
      place: () => placeAll({ staging, databases: written, overwrite }),
      faults,
    }
  } finally {
    await databases.close()
    await run.close()
  }
}

/** Keeps what is left of a file, if anything is. */
function settleDamaged(staging: Staging, { path, names, lost, entry }: DamagedFile): Missing {
  if (lost < entry.size) return { path, bytes: lost, kept: keepDamaged(staging, names) }
  try {
    if (names.length > 0) rmSync(below(staging.files, names), { force: true })
  } catch (error) {
    throw localFailure(error, path)
  }
  return { path, bytes: lost }
}

function wholeSize({ databases, files }: Manifest): { bytes: number; files: number } {
  const pages = databases.reduce((sum, { pages, pageSize }) => sum + pages * pageSize, 0)
  return { bytes: pages + files.bytes, files: files.count }
}

/** Errors: local_full, before anything is written. */
async function requireSpace(target: string, { bytes, files }: Pick<Survey, 'bytes' | 'files'>): Promise<void> {
  const free = await statfs(target).then(
    ({ bavail, bsize }) => bavail * bsize,
    // A file system that does not tell: it will say so when it is full.
    () => Infinity,
  )
  // Files fill whole blocks and need names; what SQLite leaves beside a database while it looks is little more.
  const needed = bytes + files * 4096 + 256 * 1024
  if (free < needed) throw new CofferError('local_full', { path: target, needed, free })
}
