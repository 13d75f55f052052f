/**
 * The first look through a backup's files, before anything is written: what they will be called, how much they need,
 * whether anything is in the way, and that the list is the one the backup was made with.
 */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import { type FileEntry, fileListField } from '../../archive/format/file-list.ts'
import { fileDigest, fileListDigest } from '../../archive/format/hashes.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import { resolveFiles } from '../../archive/read/resolve-files.ts'
import type { Session } from '../session.ts'
import { shown } from './local-path.ts'
import { NamePlan, type Planned } from './name-plan.ts'
import { Occupied, sidecars } from './occupied.ts'
import type { NameRules } from './safe-name.ts'
import type { Selection } from './selection.ts'

export interface SurveyOptions {
  manifest: Manifest
  wanted: Selection
  overwrite: boolean
  /** Damage is told here and worked round; without it, damage is thrown. */
  onFault: ((fault: CofferError) => void) | undefined
  target: string
  rules: NameRules
}

export interface Survey {
  /** The databases wanted and their names in the target. */
  databases: { entry: Manifest['databases'][number]; name: Buffer }[]
  files: number
  /** Bytes of the databases and files wanted. */
  bytes: number
  /** Files that the list should have but that damage took the names of. */
  nameless: number
  /** name_changed. */
  warnings: Warning[]
}

/** Errors: target_occupied, nothing_matches, and the archive's damage. */
export async function surveyFiles(session: Session, options: SurveyOptions): Promise<Survey> {
  const { manifest, wanted, onFault, target, rules, overwrite } = options
  const occupied = new Occupied(target, { overwrite })
  const warnings: Warning[] = []
  const { names, databases } = planNames(manifest, wanted, rules, warnings)
  for (const { name } of databases) occupied.checkDatabase(name)
  const survey: Survey = {
    databases,
    files: 0,
    bytes: databases.reduce((sum, { entry }) => sum + entry.pages * entry.pageSize, 0),
    nameless: 0,
    warnings,
  }

  const all = { count: 0, bytes: 0, digest: fileListDigest(session.keys) }
  let damaged = false
  let matched = databases.length > 0
  const note =
    onFault &&
    ((fault: CofferError) => {
      damaged = true
      onFault(fault)
    })
  for await (const entry of resolveFiles(session, manifest.files.layers, note)) {
    all.count++
    all.bytes += entry.size
    all.digest.update(fileListField(entry))
    if (!wanted(shown(entry.path))) continue
    matched = true
    const planned = planFile(session, names, entry, note)
    if (!planned) continue
    for (const { from, to } of planned.changed)
      warnings.push({ code: 'name_changed', detail: { path: shown(from), name: shown(to) } })
    occupied.check(planned.names)
    survey.files++
    survey.bytes += entry.size
  }
  const { count, bytes, digest } = manifest.files
  if (damaged) survey.nameless = Math.max(0, count - all.count)
  else if (all.count !== count || all.bytes !== bytes || all.digest.final().toString('hex') !== digest)
    throw new CofferError('map_damaged', { reason: 'the list of files is not the one of this backup' })
  if (!matched && manifest.databases.length + count > 0) throw new CofferError('nothing_matches')
  return survey
}

/** The databases' names are given first, so that no file can take one, nor one of what SQLite looks for beside them. */
export function planNames(
  manifest: Manifest,
  wanted: Selection,
  rules: NameRules,
  warnings: Warning[],
): { names: NamePlan; databases: Survey['databases'] } {
  const names = new NamePlan(rules)
  const databases = manifest.databases.map((entry) => {
    const planned = names.take(Buffer.from(entry.path))
    const name = planned?.names[0]
    if (!name || planned.names.length !== 1)
      throw new CofferError('map_damaged', { database: entry.path, reason: 'a database must lie at the root' })
    if (wanted(entry.path))
      for (const { from, to } of planned.changed)
        warnings.push({ code: 'name_changed', detail: { path: shown(from), name: shown(to) } })
    return { entry, name }
  })
  for (const { name } of databases)
    for (const ending of sidecars) names.reserve(Buffer.concat([name, Buffer.from(ending)]))
  return { names, databases: databases.filter(({ entry }) => wanted(entry.path)) }
}

/** Where a file goes; undefined, and told, where its entry is not what an honest archive holds. */
export function planFile(
  session: Pick<Session, 'keys'>,
  names: NamePlan,
  entry: FileEntry,
  onFault: ((fault: CofferError) => void) | undefined,
): Planned | undefined {
  const { path, size, digest, pieces } = entry
  const fits = fileDigest(session.keys, size, Buffer.concat(pieces.map(({ hash }) => hash))).equals(digest)
  const planned = fits ? names.take(path) : undefined
  if (planned) return planned
  const error = new CofferError('map_damaged', {
    path: shown(path),
    reason: fits ? 'a path that leads elsewhere' : 'the digest does not fit',
  })
  if (!onFault) throw error
  onFault(error)
  return undefined
}
